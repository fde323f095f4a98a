"""Jobs of the window's worker: lay out a scene, find assets, check the model. `process_main` hands requests to `serve`.

Model, stage and renderer are kept from job to job; the file that a job opened is closed when the job ends.
"""

from __future__ import annotations

import os
import re
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..core.errors import InputError
from ..core.task import PREDICATES, Layout, task_to_json
from ..episode.env import LayoutEnv
from ..episode.play import RENDER_PIXELS, PhaseStarted, play, prompt_format_of, reads_renders
from ..episode.records import turn_record
from ..episode.scorer import InfraFault, attempt
from ..episode.turn import Outcome, Turn
from ..policy.base import Policy, PolicyError
from ..prompts.wishes.reading import Wish
from ..prompts.wishes.task import Asked, task_with_wishes, wish_words
from . import inbox, models, protocol
from .memory import resident_mb
from .messages import SCENE_FILE, VERSION
from .turn_pictures import pictures_that_follow

if TYPE_CHECKING:
    import bpy

    from ..blender.physics.stage import Stage
    from ..blender.rendering.render import Renderer
    from ..blender.scene_io.scene_to_task import SceneTask

Send = Callable[[dict[str, Any]], None]

ALIVE_EVERY = 1.0
"""Seconds between two `alive` messages, at least."""

_SCENE_PREFIX = re.compile(r"^(start of )?(task )?scene(\.blend)?: ")


def serve(send: Send) -> Callable[[dict[str, Any] | None], None]:
    """Do the jobs of a window. See `process_main` and `messages`."""
    import bpy

    if hasattr(os, "nice"):
        os.nice(5)  # the artist's Blender goes first
    print(f"MetaSpatial worker {os.getpid()}, Blender {bpy.app.version_string}, {time.ctime()}")
    send({"type": "hello", "protocol": VERSION, "blender": bpy.app.version_string})
    return JobRunner(send, inbox.messages.empty).run


class JobRunner:
    """Runs jobs one after another and sends what happens. See `messages` for what it sends.

    `is_idle` says whether pictures may follow a layout: no other request is waiting.
    """

    def __init__(self, send: Send, is_idle: Callable[[], bool] = lambda: False):
        self._send, self._is_idle = send, is_idle
        self._policy_request: Mapping[str, Any] | None = None
        self._policy: Policy | None = None
        self._renderers: dict[str, Renderer] = {}
        self._alive_sent = 0.0

    @cached_property
    def _stage(self) -> Stage:
        from ..blender.physics.stage import Stage

        return Stage()

    def run(self, request: dict[str, Any] | None) -> None:
        """Do the job of a request; None is one that could not be read. An error ends only this job."""
        job = None if request is None else request.get("job")
        try:
            if request is None:
                raise InputError("request", "", "one JSON object with a type on a line")
            protocol.check_request(request)
            jobs = {"layout": self._lay_out, "assets": self._find_assets, "check": self._check}
            for message in jobs[request["type"]](request):
                self._send({**message, "job": job})
        except BrokenPipeError:  # of `send`: the window has gone
            raise
        except (InputError, PolicyError, InfraFault) as error:
            self._send({"type": "error", "job": job, "message": _sentence(error), "bug": False})
        except OSError as error:
            traceback.print_exc()
            sentence = (
                f"A file cannot be read or written ({_sentence(error)}). Check the disk's free space and try again."
            )
            self._send({"type": "error", "job": job, "message": sentence, "bug": False})
        except Exception as error:
            traceback.print_exc()
            self.__dict__.pop("_stage", None)  # it may be half-built: the next job makes another
            self._renderers.clear()
            sentence = (
                f"This did not work because of an error in MetaSpatial ({type(error).__name__}). Look at the log."
            )
            self._send({"type": "error", "job": job, "message": sentence, "bug": True})

    def _lay_out(self, request: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Messages of a layout: the task, each turn as soon as physics has judged it, the end, and then pictures of
        the turns, unless their model has seen renders already."""
        turns = request["turns"]
        if self._policy_request != request["policy"]:
            self._progress(request, 1, turns, "model")  # loading one may take as long as its answer
        policy = self._open_policy(request["policy"])
        self._progress(request, 1, turns, "scene")
        renderer = self._renderer(request["engine"], RENDER_PIXELS if reads_renders(policy) else 0)
        folder = Path(request["folder"])
        with ExitStack() as cleanup:
            cleanup.enter_context(_file_closed_after())
            scene_task, start = _read_scene(request, self._stage)
            cleanup.callback(scene_task.free)
            scene_task, wishes = _with_wishes(scene_task, request["wishes"])
            # Cleared before the scene task is freed, whose meshes the stage's objects use.
            cleanup.callback(self._stage.clear)
            cleanup.callback(renderer.close)
            yield {
                "type": "task",
                "task": task_to_json(scene_task.task),
                "frame": [float(value) for value in scene_task.frame.flat],
                "notes": dict(scene_task.notes),
                "left_out": dict(scene_task.left_out),
                "objects": {item_id: list(item.names) for item_id, item in scene_task.items.items()},
                "wishes": wishes,
            }
            env = LayoutEnv(
                self._stage,
                renderer,
                prompt_format_of(policy),
                max_turns=turns,
                show_images=policy.sees_images,
            )
            settings = {
                "policy": policy.name,
                "turns": turns,
                "samples": request["samples"],
                "mode": request["mode"],
                "engine": renderer.engine,
            }
            standing = start or Layout(scene_task.task.id)
            for event in play(
                env,
                policy,
                scene_task.task,
                request["seed"],
                request["samples"],
                None,
                scene_task.meshes,
                start,
                request["mode"] == "fix",
                lambda: self._report_alive(request),
                request.get("tidy", True),
            ):
                if isinstance(event, PhaseStarted):
                    self._progress(request, event.turn, event.max_turns, event.phase)
                elif isinstance(event, Outcome):
                    outcome = event
                elif event.status != "infra_fault":
                    standing = event.layout or standing  # an answer that could not be used moved nothing
                    record = turn_record(event, env.task, env.seed, env.image_names, settings)
                    yield _turn_message(event, record, scene_task, standing, folder)
            best = None if outcome.best is None else outcome.best.number
            yield {
                "type": "done",
                "best": best,
                "failure": _sentence(outcome.failure),
                "note": outcome.note,
                "memory": round(resident_mb()),
            }
            pixels = request["pictures"]
            yield from pictures_that_follow(outcome, self._stage, env.task, renderer, pixels, self._is_idle)

    def _find_assets(self, request: dict[str, Any]) -> Iterator[dict[str, Any]]:
        from ..blender.assets.search import find_assets

        def progress(share: float) -> None:
            self._progress(request, 0, 0, "assets", share)

        with _file_closed_after():
            found = find_assets(request["prompt"], request["libraries"], progress)
        yield {"type": "assets", "found": found}

    def _check(self, request: dict[str, Any]) -> Iterator[dict[str, Any]]:
        self._progress(request, 0, 0, "check")
        policy = request["policy"]
        checked: dict[str, Any] = {"type": "checked"}
        if "engine" in request:  # first, since no thread that asks the server may run beside Blender's operators
            checked["renderer"] = self._check_renderer(request["engine"])
        try:
            is_server = policy["kind"] == "server"
            works = models.check_server(policy) if is_server else models.check(self._open_policy(policy))
            checked |= {"ok": True, "message": works}
        except (PolicyError, InputError) as error:
            checked |= {"ok": False, "message": _sentence(error)}
        yield checked

    def _check_renderer(self, engine: str) -> dict[str, Any]:
        """Whether a small image of an empty room can be rendered."""
        with _file_closed_after(), ExitStack() as cleanup:
            renderer = self._renderer(engine, 64)
            cleanup.callback(self._stage.clear)
            cleanup.callback(renderer.close)
            try:
                attempt("building a room", lambda: self._stage.open(models.TASK))
                attempt("rendering", lambda: renderer.room_view(self._stage, models.TASK, Layout(models.TASK.id)))
            except InfraFault as fault:
                return {"ok": False, "message": f"{_sentence(fault)}. Choose Cycles, which needs no graphics card."}
        return {"ok": True, "message": f"Pictures are rendered by {renderer.engine.replace('_', ' ').title()}."}

    def _progress(
        self, request: Mapping[str, Any], turn: int, turns: int, phase: str, done: float | None = None
    ) -> None:
        self._send(
            {
                "type": "progress",
                "job": request["job"],
                "turn": turn,
                "turns": turns,
                "phase": phase,
                "done": done,
            }
        )

    def _report_alive(self, request: Mapping[str, Any]) -> None:
        """Send `alive`, at most once in ALIVE_EVERY seconds."""
        now = time.monotonic()
        if now - self._alive_sent >= ALIVE_EVERY:
            self._alive_sent = now
            self._send({"type": "alive", "job": request["job"]})

    def _open_policy(self, request: Mapping[str, Any]) -> Policy:
        """The policy of a request. The last one is kept, and no other, since models are large."""
        if self._policy is None or self._policy_request != request:
            self._policy = self._policy_request = None
            self._policy = models.open_policy(request)
            self._policy_request = request
        return self._policy

    def _renderer(self, engine: str, pixels: int) -> Renderer:
        """The engine's renderer, which is kept from job to job, with images of this width and height."""
        if engine not in self._renderers:
            from ..blender.rendering.render import Renderer

            self._renderers[engine] = Renderer(engine)
        self._renderers[engine].pixels = pixels
        return self._renderers[engine]


@contextmanager
def _file_closed_after() -> Iterator[None]:
    """Replace the open file by an empty one afterwards, and with it everything that a job opened or made."""
    import bpy

    try:
        yield
    finally:
        bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)


def _read_scene(request: Mapping[str, Any], stage: Stage) -> tuple[SceneTask, Layout | None]:
    """The exported scene as a task, and the layout to start from, if any. Raises InputError."""
    from mathutils import Matrix

    from ..blender.scene_io.scene_export import open_exported_scene
    from ..blender.scene_io.scene_to_task import ItemOptions, SceneOptions, scene_to_task

    scene = open_exported_scene(Path(request["folder"]) / SCENE_FILE, request["scene_name"])

    # One look at all names: Blender searches a scene's objects from the first on for each.
    named: dict[str, bpy.types.Object] = {}
    for obj in scene.objects:
        named.setdefault(obj.name, obj)

    def find(field: str, name: str) -> bpy.types.Object:
        if name not in named:
            raise InputError(SCENE_FILE, field, "an object of the scene", name)
        return named[name]

    for name, numbers in request["start"].items():
        matrix = Matrix([numbers[row : row + 4] for row in range(0, 16, 4)])
        find("start", name).matrix_world = matrix
    scene.view_layers[0].update()
    room = request["room"]
    items = {i["name"]: ItemOptions(i["locked"], i["category"], i["front"], i["scale"]) for i in request["items"]}
    options = SceneOptions(
        floor=find("floor", room["floor"]) if room["source"] == "floor" else None,
        walls=[find("walls", name) for name in room["walls"]] if room["source"] == "walls" else None,
        size=tuple(room["size"]) if room["source"] == "size" else None,
        height=room.get("height"),
        openings={opening["name"]: opening["kind"] for opening in request["openings"]},
        objects=[find("items", name) for name in items],
        items=items,
        obstacles=[find("obstacles", name) for name in request["obstacles"]],
        carry=request["carry"],
        separate=frozenset(request["separate"]),
        wishes=_requested_wishes(request["wishes"]),
        prompt=request["prompt"],
        room_type=request["room_type"],
    )
    scene_task = scene_to_task(scene, options)
    return scene_task, None if request["mode"] == "generate" else scene_task.layout


def _with_wishes(scene_task: SceneTask, wishes: Iterable[Mapping[str, Any]]) -> tuple[SceneTask, list[dict[str, Any]]]:
    """The scene's task with the wishes of a request, and what became of each, as the `task` message has it."""
    ids = {item.names[0]: item_id for item_id, item in scene_task.items.items()}
    ids |= {name: item_id for name, (_, item_id) in scene_task.carried.items()}
    named = _requested_wishes(wishes)
    read = [replace(w, subject=ids.get(w.subject, w.subject), object=ids.get(w.object, w.object)) for w in named]
    task, others = task_with_wishes(scene_task.task, [wish for wish in read if wish.subject != wish.object])
    rest = iter(others)
    asked = [_of_carried(wish) if wish.subject == wish.object else next(rest) for wish in read]
    told = [
        {
            "words": wish_words(wish),
            "relation": None if heeded.relation is None else task.relations.index(heeded.relation),
            "reason": heeded.reason,
        }
        for wish, heeded in zip(named, asked, strict=True)
    ]
    return replace(scene_task, task=task), told


def _of_carried(wish: Wish) -> Asked:
    """What becomes of a wish about an item and what it carries: met by itself if it is to rest there."""
    return Asked(wish, None, "" if wish.predicate == "on" and not wish.negated else "it rests there and goes along")


def _requested_wishes(wishes: Iterable[Mapping[str, Any]]) -> list[Wish]:
    """The wishes of a request, about root objects by name. Raises InputError for a predicate that there is not."""
    for k, wish in enumerate(wishes):
        if wish["predicate"] not in PREDICATES:
            raise InputError("request", f"wishes[{k}].predicate", f"one of {', '.join(PREDICATES)}", wish["predicate"])
    return [Wish(w["subject"], w["predicate"], w["object"], w["negated"], w["phrase"]) for w in wishes]


def _turn_message(
    turn: Turn, record: Mapping[str, Any], scene_task: SceneTask, standing: Layout, folder: Path
) -> dict[str, Any]:
    """A turn's message. Its two renders are written into the folder."""
    images: dict[str, str | None] = {"top": None, "view": None}
    for kind in images:
        name = f"turn_{turn.number:02d}_{kind}.png"
        if turn.images.get(name):  # empty where only the view was measured
            (folder / name).write_bytes(turn.images[name])
            images[kind] = name
    kept = {key: value for key, value in record.items() if key not in ("conversation", "samples")}
    kept["images"] = [name for name in images.values() if name is not None]
    objects = [
        {
            "item": placed.id,
            "name": placed.object.name,
            "hidden": placed.hidden,
            "matrix": [value for row in placed.matrix for value in row],
        }
        for placed in scene_task.placed(standing)
    ]
    return {"type": "turn", "number": turn.number, "record": kept, "objects": objects, **images}


def _sentence(words: object) -> str:
    """An error in one line, without the name of the exported scene, which no artist knows."""
    line = _SCENE_PREFIX.sub("", " ".join(str(words).split()))
    return line[:1].upper() + line[1:]
