"""What the worker does: lay out a scene, look for assets, try the model. `main` hands it requests.

Model, stage and renderer stay from job to job; the file that a job opened, and all that was made of it, goes when the
job ends. No bpy is imported before a job needs it.
"""

from __future__ import annotations

import os
import re
import subprocess
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..core.errors import InputError
from ..core.task import Layout, task_to_json
from ..episode.env import LayoutEnv, Outcome, PhaseStarted, Turn, play, prompt_format_of
from ..episode.records import turn_record
from ..episode.scorer import InfraFault, attempt
from ..policy.base import Policy, PolicyError
from . import models, protocol

if TYPE_CHECKING:
    import bpy

    from ..blender.physics.stage import Stage
    from ..blender.rendering.render import Renderer
    from ..blender.scene_io.scene_to_task import SceneTask

Say = Callable[[dict[str, Any]], None]

ALIVE_EVERY = 1.0
"""Seconds between two `alive` messages, at least."""

_OF_SCENE = re.compile(r"^(start of )?(task )?scene(\.blend)?: ")


class JobRunner:
    """Does jobs one after another and tells `say` how they go. See `protocol` for the messages."""

    def __init__(self, say: Say):
        self._say = say
        self._wanted: Mapping[str, Any] | None = None
        self._model: Policy | None = None
        self._renderers: dict[str, Renderer] = {}
        self._alive_sent = 0.0

    @cached_property
    def _stage(self) -> Stage:
        from ..blender.physics.stage import Stage

        return Stage()

    def answer(self, request: dict[str, Any] | None) -> None:
        """Do what a request asks for; None is one that could not be read. Whatever fails ends only this job."""
        job = None if request is None else request.get("job")
        try:
            if request is None:
                raise InputError("request", "", "one JSON object with a type on a line")
            protocol.check_request(request)
            jobs = {"layout": self._lay_out, "assets": self._find_assets, "check": self._check}
            self._say({**jobs[request["type"]](request), "job": job})
        except BrokenPipeError:  # of `say`: nobody listens any more
            raise
        except (InputError, PolicyError, InfraFault) as error:
            self._say(_error(job, _told(error), bug=False))
        except OSError as error:
            traceback.print_exc()
            message = f"A file cannot be read or written ({_told(error)}). Check the disk's free space and try again."
            self._say(_error(job, message, bug=False))
        except Exception as error:
            traceback.print_exc()
            self.__dict__.pop("_stage", None)  # it may be half-built: the next job gets another
            self._renderers.clear()
            message = f"This did not work because of an error in MetaSpatial ({type(error).__name__}). Look at the log."
            self._say(_error(job, message, bug=True))

    def _lay_out(self, request: dict[str, Any]) -> dict[str, Any]:
        turns = request["turns"]
        if self._wanted != request["policy"]:
            self._progress(request, 1, turns, "model")  # loading one may take as long as asking it
        policy = self._policy(request["policy"])
        self._progress(request, 1, turns, "scene")
        renderer = self._renderer(request["engine"], request["pictures"])
        folder = Path(request["folder"])
        with ExitStack() as held:
            held.enter_context(_file_closed_after())
            snapshot, start = _read_scene(request, self._stage)
            held.callback(snapshot.free)
            # Of all that is open the stage goes first: its objects wear the snapshot's meshes.
            held.callback(self._stage.clear)
            held.callback(renderer.close)
            self._say(
                {
                    "type": "task",
                    "job": request["job"],
                    "task": task_to_json(snapshot.task),
                    "frame": [float(value) for value in snapshot.frame.flat],
                    "notes": dict(snapshot.notes),
                    "left_out": list(snapshot.left_out),
                    "objects": {item_id: list(members.names) for item_id, members in snapshot.members.items()},
                }
            )
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
            standing = start or Layout(snapshot.task.id)
            for event in play(
                env,
                policy,
                snapshot.task,
                request["seed"],
                request["samples"],
                None,
                snapshot.meshes,
                start,
                request["mode"] == "fix",
                lambda: self._report_alive(request),
            ):
                if isinstance(event, PhaseStarted):
                    self._progress(request, event.turn, event.max_turns, event.phase)
                elif isinstance(event, Outcome):
                    outcome = event
                elif event.status != "infra_fault":
                    standing = event.layout or standing  # an answer that could not be used moved nothing
                    told = _turn(event, turn_record(env, event, settings), snapshot, standing, folder)
                    self._say({**told, "job": request["job"]})
        best = None if outcome.best is None else outcome.best.number
        failure = _told(outcome.failure)
        return {"type": "done", "best": best, "failure": failure, "note": outcome.note, "memory": memory_mb()}

    def _find_assets(self, request: dict[str, Any]) -> dict[str, Any]:
        from ..blender.assets.search import find_assets

        def progress(share: float) -> None:
            self._progress(request, 0, 0, "assets", share)

        with _file_closed_after():
            return {"type": "assets", "found": find_assets(request["prompt"], request["libraries"], progress)}

    def _check(self, request: dict[str, Any]) -> dict[str, Any]:
        self._progress(request, 0, 0, "check")
        wanted = request["policy"]
        checked: dict[str, Any] = {"type": "checked"}
        try:
            works = models.check_server(wanted) if wanted["kind"] == "server" else models.check(self._policy(wanted))
            checked |= {"ok": True, "message": works}
        except (PolicyError, InputError) as error:
            checked |= {"ok": False, "message": _told(error)}
        if "engine" in request:
            checked["renderer"] = self._check_renderer(request["engine"])
        return checked

    def _check_renderer(self, engine: str) -> dict[str, Any]:
        """Whether a small picture of an empty room can be taken."""
        with _file_closed_after(), ExitStack() as held:
            renderer = self._renderer(engine, 64)
            held.callback(self._stage.clear)
            held.callback(renderer.close)
            try:
                attempt("building a room", lambda: self._stage.open(models.TASK))
                attempt("rendering", lambda: renderer.room_view(self._stage, models.TASK, Layout(models.TASK.id)))
            except InfraFault as fault:
                return {"ok": False, "message": f"{_told(fault)}. Choose Cycles, which needs no graphics card."}
        return {"ok": True, "message": f"Pictures are rendered by {renderer.engine.replace('_', ' ').title()}."}

    def _progress(
        self, request: Mapping[str, Any], turn: int, turns: int, phase: str, done: float | None = None
    ) -> None:
        self._say(
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
            self._say({"type": "alive", "job": request["job"]})

    def _policy(self, wanted: Mapping[str, Any]) -> Policy:
        """The policy of a request; the last one is kept, and no other, since models are large."""
        if self._wanted != wanted:
            self._model, self._wanted = None, None
            self._model = models.open_policy(wanted)
            self._wanted = wanted
        return self._model

    def _renderer(self, engine: str, pixels: int) -> Renderer:
        """The engine's renderer, which is kept from job to job, with images of this width and height."""
        if engine not in self._renderers:
            from ..blender.rendering.render import Renderer

            self._renderers[engine] = Renderer(engine)
        self._renderers[engine].pixels = pixels
        return self._renderers[engine]


@contextmanager
def _file_closed_after() -> Iterator[None]:
    """Whatever a job opens or makes in the open file is gone afterwards."""
    import bpy

    try:
        yield
    finally:
        bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)


def _read_scene(request: Mapping[str, Any], stage: Stage) -> tuple[SceneTask, Layout | None]:
    """The hand-over as a task, and the layout that it begins from. Raises InputError."""
    from mathutils import Matrix

    from ..blender.scene_io.openings import OpeningOptions
    from ..blender.scene_io.scene_export import open_exported_scene
    from ..blender.scene_io.scene_to_task import ItemOptions, scene_to_task

    scene = open_exported_scene(Path(request["folder"]) / protocol.SCENE_FILE, request["scene_name"])

    def find(field: str, name: str) -> bpy.types.Object:
        thing = scene.objects.get(name)
        if thing is None:
            raise InputError(protocol.SCENE_FILE, field, "an object of the scene", name)
        return thing

    for name, numbers in request["start"].items():
        matrix = Matrix([numbers[row : row + 4] for row in range(0, 16, 4)])
        find("start", name).matrix_world = matrix
    scene.view_layers[0].update()
    room = request["room"]
    options = {i["name"]: ItemOptions(i["locked"], i["category"], i["front"]) for i in request["items"]}
    snapshot = scene_to_task(
        scene,
        floor=find("floor", room["floor"]) if room["source"] == "floor" else None,
        walls=[find("walls", name) for name in room["walls"]] if room["source"] == "walls" else None,
        size=tuple(room["size"]) if room["source"] == "size" else None,
        height=room.get("height"),
        objects=[find("items", name) for name in options],
        prompt=request["prompt"],
        room_type=request["room_type"],
        library=stage.library,
        options=options,
        obstacles=[find("obstacles", name) for name in request["obstacles"]],
        openings={o["name"]: OpeningOptions(o["kind"]) for o in request["openings"]},
    )
    return snapshot, None if request["mode"] == "generate" else snapshot.layout


def _turn(turn: Turn, record: Mapping[str, Any], snapshot: SceneTask, standing: Layout, folder: Path) -> dict[str, Any]:
    """A turn's message; its two renders are files in the folder then."""
    pictures: dict[str, str | None] = {"top": None, "view": None}
    for kind in pictures:
        name = f"turn_{turn.number:02d}_{kind}.png"
        if name in turn.images:
            (folder / name).write_bytes(turn.images[name])
            pictures[kind] = name
    kept = {key: value for key, value in record.items() if key not in ("conversation", "samples")}
    objects = [
        {
            "item": placed.id,
            "name": placed.object.name,
            "hidden": placed.hidden,
            "matrix": [value for row in placed.matrix for value in row],
        }
        for placed in snapshot.placed(standing)
    ]
    return {"type": "turn", "number": turn.number, "record": kept, "objects": objects, **pictures}


def memory_mb() -> int:
    """Resident memory of this process in MB; 0 where the system does not tell."""
    if os.name == "nt":
        return _memory_of_windows() >> 20
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii")
        return int(re.search(r"VmRSS:\s*(\d+) kB", status)[1]) >> 10
    except OSError:  # macOS
        told = subprocess.run(["ps", "-o", "rss=", "-p", str(os.getpid())], capture_output=True, check=False)
        return int(told.stdout or 0) >> 10


def _memory_of_windows() -> int:
    import ctypes
    from ctypes import wintypes

    class Counters(ctypes.Structure):  # PROCESS_MEMORY_COUNTERS
        _fields_ = (
            ("size", wintypes.DWORD),
            ("faults", wintypes.DWORD),
            *((name, ctypes.c_size_t) for name in ("peak", "resident", "a", "b", "c", "d", "paged", "most_paged")),
        )

    counters = Counters(size=ctypes.sizeof(Counters))
    kernel = ctypes.WinDLL("kernel32")
    kernel.GetCurrentProcess.restype = wintypes.HANDLE
    ask = kernel.K32GetProcessMemoryInfo
    ask.argtypes = (wintypes.HANDLE, ctypes.POINTER(Counters), wintypes.DWORD)
    return counters.resident if ask(kernel.GetCurrentProcess(), ctypes.byref(counters), counters.size) else 0


def _error(job: int | None, message: str, bug: bool) -> dict[str, Any]:
    return {"type": "error", "job": job, "message": message, "bug": bug}


def _told(words: object) -> str:
    """An error in one line; what is wrong with the scene without the name of the hand-over, which no artist knows."""
    line = _OF_SCENE.sub("", " ".join(str(words).split()))
    return line[:1].upper() + line[1:]
