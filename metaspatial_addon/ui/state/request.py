"""What the artist asks for, as a request to the worker: read from the scene's, the objects' and the add-on's settings.

What is missing is said in one sentence before anything starts. Called by the operators; `job.py` sends the request.
"""

from __future__ import annotations

import ipaddress
import random
import urllib.parse
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import bpy
from bpy.app.translations import pgettext_n as n_
from bpy.app.translations import pgettext_rpt as rpt_
from bpy.types import Collection, Context, Object, Scene

from ...blender.scene_io.scene_export import export_scene
from ...blender.turns import turn_collections, turn_properties, turn_visibility, turns
from ...core.scale import ScaleDoubt, by_factor, describe
from ...policy.base import builtin_samples
from ...prompts.names import Naming
from ...worker.messages import SCENE_FILE
from ..translations.sentences import translated
from . import api_key, preferences, wishes
from .identifiers import LARGEST_SEED, Operators
from .item_cache import look_at
from .scene.index import SceneIndex
from .scene.items import chosen_roots, has_faces, turn_roots, wall_objects

MODES = ("generate", "refine", "fix")
FIX_SAMPLES = 16
"""Answers a turn of the built-in model for a repair, which moves few items, where the preferences leave it open."""
TITLE_LENGTH = 40
"""Characters of the prompt that name a run, at most."""

_NOTHING_CHOSEN = {
    "SELECTED": n_("Select the furniture to lay out"),
    "COLLECTION": n_("Choose the collection with the furniture to lay out"),
    "LIBRARY": n_("Add furniture from the library first"),
}


class NotReady(ValueError):
    """Something is missing: one sentence that says what to do. `operator`: what helps, as `bl_idname`."""

    def __init__(self, sentence: str, operator: str = ""):
        super().__init__(sentence)
        self.operator = operator


@dataclass(frozen=True)
class JobRequest:
    """A layout to be made. Data-blocks are named by session_uid: the artist goes on working before they are read.

    `message` lacks what the job knows: its number and its folder. `originals`: the objects by their names now.
    """

    scene: int
    message: dict[str, Any]
    originals: dict[str, int]
    run: str
    title: str
    key: str = field(repr=False, default="")
    first_turn: int = 1
    start: dict[str, Any] = field(default_factory=dict)

    def write_scene(self, folder: Path) -> None:
        """Write the scene's file for the worker. Raises NotReady when the scene was deleted meanwhile, and OSError."""
        scene = turn_collections.find_scene(self.scene)
        if scene is None:
            raise NotReady(rpt_("The scene was deleted: nothing was laid out"))
        by_uid = {obj.session_uid: obj for obj in scene.objects}
        objects = [by_uid[uid] for uid in self.originals.values() if uid in by_uid]
        export_scene(folder / SCENE_FILE, scene, objects)


@dataclass(frozen=True)
class RoomInput:
    """The room: its part of the message, the objects that make it, and the objects that mark doors and windows."""

    message: dict[str, Any]
    objects: list[Object]
    openings: list[Object]


@dataclass(frozen=True)
class ItemsInput:
    """Root objects of the items, these with all objects below them, and other objects that stand in the way."""

    roots: list[Object]
    members: list[Object]
    obstacles: list[Object]


@dataclass(frozen=True)
class StartInput:
    """Where the layout begins: id and next turn number of its run, world matrices (16 numbers, row by row) by the names
    of root objects that do not stand where the file has them, and what the turns' records say of it."""

    run: str
    first_turn: int = 1
    matrices: dict[str, list[float]] = field(default_factory=dict)
    record: dict[str, Any] = field(default_factory=dict)


def build(context: Context, mode: str) -> JobRequest:
    """The request for a layout of the context's scene, in one of MODES. Raises NotReady.

    `generate` begins a run. `refine` goes on from the shown turn as its copies stand, and `fix` from there or, when no
    turn is shown, from where the originals stand. A seed that is to be drawn is drawn here, and written into the
    settings.
    """
    scene, settings, options = context.scene, context.scene.metaspatial, preferences.of(context)
    if scene.library is not None:
        raise NotReady(rpt_("This scene is linked from another file: open that file to lay it out"))
    turn = None if mode == "generate" else turn_visibility.shown(scene)
    if mode == "refine" and turn is None:
        raise NotReady(rpt_("Show the turn to go on from"))
    policy = policy_request(context)
    room = read_room(scene)
    items = read_items(context, room, turn)
    start = read_start(scene, mode, turn)
    listed = look_at(context, items.roots, SceneIndex(scene))
    _check_sizes(listed.doubts)
    wishes.read_prompt(settings, listed)
    if settings.randomise:
        settings.seed = random.randrange(LARGEST_SEED + 1)
    message = {
        "type": "layout",
        "mode": mode,
        "room": room.message,
        "room_type": settings.room_type,
        "items": [
            {
                "name": root.name,
                "locked": root.metaspatial.locked,
                "category": _stated_or_guessed(root, listed.naming(root)),
                "front": root.metaspatial.front,
                # The copies of a turn that is gone on from have it already.
                "scale": 1.0 if root.name in start.matrices else root.metaspatial.scale,
            }
            for root in items.roots
        ],
        "obstacles": [obj.name for obj in items.obstacles],
        "carry": settings.carry,
        # What a turn placed by itself stays an item of its own, wherever it stands now.
        "separate": [
            *(root.name for root in items.roots if turn is not None),
            *(obj.name for obj in items.obstacles if obj.metaspatial.locked),
        ],
        "openings": [{"name": obj.name, "kind": obj.metaspatial.opening.lower()} for obj in room.openings],
        "scene_name": scene.name,
        "prompt": settings.prompt,
        "wishes": wishes.requested(settings, items.roots),
        "policy": policy,
        "turns": settings.turns,
        "samples": options.samples or _default_samples(policy, mode, items),
        **({} if options.tidy else {"tidy": False}),
        "seed": settings.seed,
        "engine": options.engine.lower(),
        "pictures": options.picture_size,
        "start": start.matrices,
    }
    return JobRequest(
        scene=scene.session_uid,
        message=message,
        originals={
            obj.name: obj.session_uid for obj in (*items.obstacles, *room.openings, *room.objects, *items.members)
        },
        run=start.run,
        title=_title(settings),
        key=policy_key(policy),
        first_turn=start.first_turn,
        start=start.record,
    )


def read_room(scene: Scene) -> RoomInput:
    """The room of a scene's settings. Raises NotReady."""
    settings = scene.metaspatial
    openings = [obj for obj in scene.objects if obj.metaspatial.opening != "NONE"]
    if settings.room_source == "SIZE":
        return RoomInput({"source": "size", "size": list(settings.size)}, [], openings)
    if settings.room_source == "WALLS":
        walls = wall_objects(settings)
        solid = [obj.name for obj in walls if has_faces(obj) and obj.name in scene.objects]
        if not solid:
            raise NotReady(rpt_("Choose the collection that holds the walls"))
        return RoomInput({"source": "walls", "walls": solid, "height": settings.height}, walls, openings)
    floor = settings.floor
    if floor is None:
        raise NotReady(rpt_("Choose the floor object"))
    if floor.name not in scene.objects:
        text = rpt_("The floor {object} is not in this scene: choose another object")
        raise NotReady(text.format(object=floor.name))
    return RoomInput({"source": "floor", "floor": floor.name, "height": settings.height}, [floor], openings)


def read_items(context: Context, room: RoomInput, turn: Collection | None) -> ItemsInput:
    """What is laid out: the items of `turn`, else the chosen ones; and what stands in their way. Raises NotReady."""
    scene, settings = context.scene, context.scene.metaspatial
    index = SceneIndex(scene)
    roots = chosen_roots(context, index) if turn is None else turn_roots(turn, index)
    if not roots:
        raise NotReady(rpt_(_NOTHING_CHOSEN[settings.items_source]))
    if all(root.metaspatial.locked for root in roots):
        raise NotReady(rpt_("All items are locked: unlock those that may move"))
    members = [obj for root in roots for obj in index.tree(root)]
    if not settings.others_are_obstacles:
        return ItemsInput(roots, members, [])
    others = {*members, *room.objects, *room.openings, settings.floor}
    hidden = set(turn_visibility.hidden_originals(scene))
    # What is visible, or would be but for a turn. Each object by itself: only its box counts.
    obstacles = [
        obj
        for obj in scene.objects
        if has_faces(obj)
        and obj not in others
        and turn_properties.item_id(obj) is None
        and (obj in hidden or obj.visible_get(view_layer=context.view_layer) and not obj.hide_render)
    ]
    return ItemsInput(roots, members, obstacles)


def _stated_or_guessed(root: Object, guess: Naming) -> str:
    """An item's category, empty where the worker finds it in the object's name: the collections and parents that a
    guess may come from are not handed over."""
    return root.metaspatial.category.strip() or (guess.category if guess.source in ("context", "size") else "")


def _check_sizes(found: list[ScaleDoubt]) -> None:
    """Raises NotReady for items that are larger than the room: nothing good comes of them."""
    groups = by_factor([doubt for doubt in found if not doubt.fits])
    if groups:
        sentence = ". ".join(translated(describe(doubts)) for doubts in groups)
        raise NotReady(sentence, Operators.SCALE_ITEMS if groups[0][0].factor is not None else "")


def read_start(scene: Scene, mode: str, turn: Collection | None) -> StartInput:
    """Where a layout in one of MODES begins.

    Going on from a turn continues its run: to the artist it is still the same attempt.
    """
    record = {} if mode == "generate" else {"mode": mode, "turn": None if turn is None else turn[turns.KEY]["turn"]}
    run = None if turn is None else turn_collections.run_of(scene, turn)
    if turn is None or run is None:
        return StartInput(turn_collections.new_run_id(), record=record)
    matrices = turn_collections.start_matrices(turn)
    return StartInput(turn_collections.run_id(run), turns.next_number(run), matrices, record)


def policy_request(context: Context) -> dict[str, Any]:
    """The chosen model, as a request to the worker names it. Raises NotReady."""
    options = preferences.of(context)
    if options.model in ("BUILTIN", "PLANNER"):
        return {"kind": options.model.lower(), **({} if options.free_places else {"free_places": False})}
    if options.model == "LOCAL":
        folder, packages, adapter = (
            bpy.path.abspath(path) for path in (options.local_folder, options.packages, options.local_adapter)
        )
        if not folder or not Path(folder).is_dir():
            raise NotReady(rpt_("Choose the folder of the local model"), "screen.userpref_show")
        return {
            "kind": "local",
            "folder": folder,
            "adapter": adapter,
            "packages": packages,
            "max_tokens": options.max_tokens,
        }
    url = options.server_url.strip()
    if not url:
        raise NotReady(rpt_("Enter the address of the model server"), "screen.userpref_show")
    if not bpy.app.online_access and not is_local(url):
        raise NotReady(
            rpt_(
                "Blender may not go online: switch on Allow Online Access in Preferences > System, or use a server on "
                "this computer"
            ),
            "screen.userpref_show",
        )
    return {
        "kind": "server",
        "url": url,
        "model": options.server_model.strip(),
        "sees_images": options.server_sees_images,
        "max_tokens": options.max_tokens,
    }


def _default_samples(policy: dict[str, Any], mode: str, items: ItemsInput) -> int:
    """Answers a turn where the preferences leave it open: the built-in model is cheap, others give one."""
    if policy["kind"] != "builtin":
        return 1
    return FIX_SAMPLES if mode == "fix" else builtin_samples(sum(not root.metaspatial.locked for root in items.roots))


def policy_key(policy: dict[str, Any]) -> str:
    """The key that goes into the worker's environment: a server's, and no other model's."""
    return api_key.read_key() if policy["kind"] == "server" else ""


def is_local(url: str) -> bool:
    """Whether an address is of this computer."""
    try:
        host = urllib.parse.urlsplit(url).hostname or ""
    except ValueError:
        return False
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _title(settings: Any) -> str:
    """What the run is called: the prompt's first words, else the kind of room."""
    words = " ".join(settings.prompt.split())
    if len(words) > TITLE_LENGTH:
        words = words[:TITLE_LENGTH].rpartition(" ")[0] or words[:TITLE_LENGTH]
    return words or ("Layout" if settings.room_type == "room" else settings.room_type.capitalize())
