"""What the artist asks for, as a request to the worker: read from the scene's, the objects' and the add-on's settings.

What is missing is said in one sentence before anything starts. Called by `job.py`; the panel counts items with it.
"""

from __future__ import annotations

import ipaddress
import random
import urllib.parse
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import bpy

from ...blender.meshes import GEOMETRY
from ...blender.scene_io.scene_export import export_scene
from ...blender.turns import turn_collections, turn_visibility, turns
from ...worker.protocol import SCENE_FILE
from . import api_key, preferences
from .identifiers import LARGEST_SEED

MODES = ("generate", "refine", "fix")
_SAMPLES = {"generate": 8, "refine": 8, "fix": 16}
"""Answers a turn of the built-in model, which is cheap, where the preferences leave it open; others give one."""
_TITLE = 40  # characters of the prompt that name a run


class NotReady(ValueError):
    """Something is missing: one sentence that says what to do. `operator`: what helps, as `bl_idname`."""

    def __init__(self, sentence: str, operator: str = ""):
        super().__init__(sentence)
        self.operator = operator


@dataclass(frozen=True)
class Request:
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

    def hand_over(self, folder: Path) -> None:
        """Write the scene's file for the worker. Raises NotReady when the scene was deleted meanwhile, and OSError."""
        scene = turn_collections.find_scene(self.scene)
        if scene is None:
            raise NotReady("The scene was deleted: nothing was laid out")
        there = {thing.session_uid: thing for thing in scene.objects}
        objects = [there[uid] for uid in self.originals.values() if uid in there]
        export_scene(folder / SCENE_FILE, scene, objects)


def build(context: bpy.types.Context, mode: str) -> Request:
    """The request for a layout of the context's scene, in one of MODES. Raises NotReady.

    `generate` begins a run. `refine` goes on from the shown turn as its copies stand, and `fix` from there or, when no
    turn is shown, from where the originals stand; going on from a turn lays out the same items, and the new turns
    follow in the same run with the next numbers, since to the artist it is still the same attempt. Their records name
    the turn that they went on from. A seed that is to be drawn is drawn here, and written into the settings.
    """
    scene, settings = context.scene, context.scene.metaspatial
    if scene.library is not None:
        raise NotReady("This scene is linked from another file: open that file to lay it out")
    turn = None if mode == "generate" else turn_visibility.shown(scene)
    if mode == "refine" and turn is None:
        raise NotReady("Show the turn to go on from")
    policy = policy_request(context)
    room, walls = _room(scene)
    roots = _turn_roots(scene, turn) if turn is not None else chosen_roots(context)
    if not roots:
        raise NotReady(_NOTHING_CHOSEN[settings.items_source])
    if all(root.metaspatial.locked for root in roots):
        raise NotReady("All items are locked: unlock those that may move")
    children = _children(scene)
    members = [thing for root in roots for thing in _tree(root, children)]
    openings = [thing for thing in scene.objects if thing.metaspatial.opening != "NONE"]
    barred = {*members, *walls, *openings, settings.floor}
    obstacles = _obstacles(context, barred) if settings.others_are_obstacles else []
    floor = [settings.floor] if room["source"] == "floor" else []
    run = turn_collections.run_of(scene, turn) if turn is not None else None
    chosen = preferences.of(context)
    if settings.randomise:
        settings.seed = random.randrange(LARGEST_SEED + 1)
    message = {
        "type": "layout",
        "mode": mode,
        "room": room,
        "room_type": settings.room_type,
        "items": [
            {
                "name": root.name,
                "locked": root.metaspatial.locked,
                "category": root.metaspatial.category.strip(),
                "front": root.metaspatial.front,
            }
            for root in roots
        ],
        "obstacles": [thing.name for thing in obstacles],
        "openings": [{"name": o.name, "kind": o.metaspatial.opening.lower()} for o in openings],
        "scene_name": scene.name,
        "prompt": settings.prompt,
        "policy": policy,
        "turns": settings.turns,
        "samples": chosen.samples or (_SAMPLES[mode] if policy["kind"] == "builtin" else 1),
        "seed": settings.seed,
        "engine": chosen.engine.lower(),
        "pictures": chosen.picture_size,
        "start": turn_collections.start_matrices(turn) if turn is not None else {},
    }
    start = {} if mode == "generate" else {"mode": mode, "turn": turn[turns.KEY]["turn"] if turn is not None else None}
    return Request(
        scene=scene.session_uid,
        message=message,
        originals={thing.name: thing.session_uid for thing in (*obstacles, *openings, *walls, *floor, *members)},
        run=turn_collections.run_id(run) if run is not None else turn_collections.new_run_id(),
        title=_title(settings),
        key=policy_key(policy),
        first_turn=turns.next_number(run) if run is not None else 1,
        start=start,
    )


def policy_request(context: bpy.types.Context) -> dict[str, Any]:
    """The chosen model as the worker is told of it. Raises NotReady."""
    chosen = preferences.of(context)
    if chosen.model == "BUILTIN":
        return {"kind": "builtin"}
    if chosen.model == "LOCAL":
        folder, packages, adapter = (
            bpy.path.abspath(path) for path in (chosen.local_folder, chosen.packages, chosen.local_adapter)
        )
        if not folder or not Path(folder).is_dir():
            raise NotReady("Choose the folder of the local model", "screen.userpref_show")
        return {"kind": "local", "folder": folder, "adapter": adapter, "packages": packages}
    url = chosen.server_url.strip()
    if not url:
        raise NotReady("Enter the address of the model server", "screen.userpref_show")
    if not bpy.app.online_access and not is_local(url):
        raise NotReady(
            "Blender may not go online: switch on Allow Online Access in Preferences > System, or use a server on this "
            "computer",
            "screen.userpref_show",
        )
    return {
        "kind": "server",
        "url": url,
        "model": chosen.server_model.strip(),
        "sees_images": chosen.server_sees_images,
    }


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


_NOTHING_CHOSEN = {
    "SELECTED": "Select the furniture to lay out",
    "COLLECTION": "Choose the collection with the furniture to lay out",
    "LIBRARY": "Add furniture from the library first",
}


def chosen_roots(context: bpy.types.Context) -> list[bpy.types.Object]:
    """The root objects of the items, the artist's own: a turn's copy that is selected stands for its original.

    With nothing visible selected while a turn is shown, it is the items of that turn.
    """
    scene, settings = context.scene, context.scene.metaspatial
    if settings.items_source == "SELECTED":
        layer = context.view_layer
        chosen = [thing for thing in layer.objects.selected if thing.visible_get(view_layer=layer)]
        if not chosen and turn_visibility.hides(scene):
            return _turn_roots(scene, turn_visibility.shown(scene))
    else:
        chosen = [] if settings.items is None else list(settings.items.all_objects)
    there, walls = set(scene.objects), _walls(settings)
    barred, holder = set(walls), settings.floor
    while holder is not None:  # what holds the floor holds the room
        barred.add(holder)
        holder = holder.parent
    among = dict.fromkeys(thing.get(turn_visibility.ORIGINAL, thing) for thing in chosen)
    among = {
        thing: None
        for thing in among
        if thing in there
        and thing not in barred
        and thing.metaspatial.opening == "NONE"
        and not isinstance(thing.get(turns.KEY), str)
    }
    children = _children(scene)
    tops = dict.fromkeys(_top(thing, among) for thing in among)
    return [top for top in tops if any(map(_has_faces, _tree(top, children)))]


def _turn_roots(scene: bpy.types.Scene, turn: bpy.types.Collection | None) -> list[bpy.types.Object]:
    """The items of a turn that the scene still has, also those that were to stay where they are."""
    there = set(scene.objects)
    found = (
        [] if turn is None else [entry["object"] for entry in turn.get(turn_collections.ITEMS, ()) if entry["asked"]]
    )
    return [root for root in found if root in there]


def _room(scene: bpy.types.Scene) -> tuple[dict[str, Any], list[bpy.types.Object]]:
    """The room of the request, and the objects that are its walls."""
    settings = scene.metaspatial
    walls = _walls(settings)
    if settings.room_source == "SIZE":
        return {"source": "size", "size": list(settings.size)}, walls
    if settings.room_source == "WALLS":
        solid = [thing for thing in walls if _has_faces(thing) and thing.name in scene.objects]
        if not solid:
            raise NotReady("Choose the collection that holds the walls")
        return {"source": "walls", "walls": [thing.name for thing in solid], "height": settings.height}, walls
    if settings.floor is None:
        raise NotReady("Choose the floor object")
    if settings.floor.name not in scene.objects:
        raise NotReady(f"The floor {settings.floor.name} is not in this scene: choose another object")
    return {"source": "floor", "floor": settings.floor.name, "height": settings.height}, walls


def _walls(settings: Any) -> list[bpy.types.Object]:
    """The objects of the walls, where these make the room."""
    if settings.room_source != "WALLS" or settings.walls is None:
        return []
    return list(settings.walls.all_objects)


def _obstacles(context: bpy.types.Context, barred: Collection[bpy.types.Object]) -> list[bpy.types.Object]:
    """What else is visible, or would be but for a turn, and has faces. Each by itself: only its box counts."""
    hidden = set(turn_visibility.hidden_originals(context.scene))
    return [
        thing
        for thing in context.scene.objects
        if _has_faces(thing)
        and thing not in barred
        and not isinstance(thing.get(turns.KEY), str)
        and (thing in hidden or thing.visible_get(view_layer=context.view_layer) and not thing.hide_render)
    ]


def _has_faces(thing: bpy.types.Object) -> bool:
    return thing.type in GEOMETRY or (thing.instance_type == "COLLECTION" and thing.instance_collection is not None)


def _top(thing: bpy.types.Object, among: Collection[bpy.types.Object]) -> bpy.types.Object:
    while thing.parent in among:
        thing = thing.parent
    return thing


def _children(scene: bpy.types.Scene) -> dict[bpy.types.Object, list[bpy.types.Object]]:
    found: dict[bpy.types.Object, list[bpy.types.Object]] = {}
    for thing in scene.objects:
        if thing.parent is not None:
            found.setdefault(thing.parent, []).append(thing)
    return found


def _tree(
    root: bpy.types.Object, children: dict[bpy.types.Object, list[bpy.types.Object]]
) -> Iterable[bpy.types.Object]:
    """An object and all below it."""
    tree = [root]
    for thing in tree:
        tree += children.get(thing, [])
    return tree


def _title(settings: Any) -> str:
    """What the run is called: the prompt's first words, else the kind of room."""
    words = " ".join(settings.prompt.split())
    if len(words) > _TITLE:
        words = words[:_TITLE].rpartition(" ")[0] or words[:_TITLE]
    return words or ("layout" if settings.room_type == "room" else settings.room_type)
