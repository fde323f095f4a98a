"""Runs inside the Blender under test and answers questions about it; the hands are outside (desktop.py).

blender -P probe.py -- SOCKET. A request is a line {"ask": name, …arguments}, its reply a line {"value": …} or
{"error": …}. The questions are the functions below that carry @question.
"""

from __future__ import annotations

import importlib
import json
import math
import os
import socket
import sys
import time
import traceback
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bpy
from mathutils import Euler, Vector

ROOT = "bl_ext.user_default.metaspatial"
CHECKOUT = Path(__file__).resolve().parents[2]
QUESTIONS: dict[str, Callable[..., Any]] = {}
BEAT = 0.004
SETTLE = 4
"""Rounds of the main loop before a question is answered: mouse and keys sent before it have then had their effect."""

timers: list[Callable[[], Any]] = []
"""Every function given to bpy.app.timers since the start."""
beats: deque[float] = deque(maxlen=100_000)
redraws: deque[float] = deque(maxlen=100_000)
ticks: deque[float] = deque(maxlen=10_000)
"""Seconds that each tick of the extension's job took."""


def question(function: Callable[..., Any]) -> Callable[..., Any]:
    QUESTIONS[function.__name__] = function
    return function


def window() -> Any:
    return bpy.context.window_manager.windows[0]


def viewport() -> Any:
    """The largest 3D viewport."""
    areas = [area for area in window().screen.areas if area.type == "VIEW_3D"]
    return max(areas, key=lambda area: area.width * area.height)


def region(kind: str) -> Any:
    return next(region for region in viewport().regions if region.type == kind)


def in_viewport(kind: str = "WINDOW") -> Any:
    """A context in the viewport, which timers do not have."""
    return bpy.context.temp_override(window=window(), area=viewport(), region=region(kind))


def our(module: str) -> Any:
    """A module of the installed extension."""
    return importlib.import_module(f"{ROOT}.metaspatial_addon.{module}")


@question
def version() -> str:
    return bpy.app.version_string


@question
def places() -> dict[str, list[int]]:
    """Name of a region in the viewport -> x, y, width, height in pixels from the top left corner of the screen."""
    height = window().height
    return {each.type: [each.x, height - each.y - each.height, each.width, each.height] for each in viewport().regions}


@question
def under_mouse() -> dict[str, str]:
    """The button under the mouse in the sidebar: its operator as a Python call, or the path of its property."""
    button = {}
    manager = bpy.context.window_manager
    with in_viewport("UI"):
        if bpy.ops.ui.copy_python_command_button.poll():
            bpy.ops.ui.copy_python_command_button()
            button["operator"] = manager.clipboard
        elif bpy.ops.ui.copy_data_path_button.poll():
            bpy.ops.ui.copy_data_path_button(full_path=True)
            button["property"] = manager.clipboard
    return button


@question
def tab() -> str:
    """The open tab of the sidebar; "" while the sidebar is closed."""
    return region("UI").active_panel_category if viewport().spaces.active.show_region_ui else ""


@question
def build(function: str, **options: Any) -> None:
    """Set up a scene by a function of room.py."""
    if str(CHECKOUT) not in sys.path:
        sys.path.append(str(CHECKOUT))
    with in_viewport():
        getattr(importlib.import_module("tests.gui.room"), function)(**options)
        bpy.ops.ed.undo_push(message="Scene of the test")


@question
def assign(path: str, value: Any) -> None:
    """Set a property: "scene.…" or "preferences.…", as the sidebar's fields do."""
    start, *names, last = path.split(".")
    owner = {
        "scene": window().scene.metaspatial if start == "scene" else None,
        "preferences": preferences() if start == "preferences" else None,
    }[start]
    for name in names:
        owner = getattr(owner, name)
    setattr(owner, last, value)


@question
def speak(language: str, table: str) -> list[str]:
    """Switch Blender to a language. Returns the extension's texts that are not shown as its table of that name says,
    each with its context first."""
    view = bpy.context.preferences.view
    view.language = language
    view.use_translate_interface = view.use_translate_tooltips = view.use_translate_reports = True
    tables = our("ui.translations.tables")
    texts = tables.read_po(tables.LANGUAGES / f"{table}.po")
    return [f"{c}: {text}" for (c, text), shown in texts.items() if bpy.app.translations.pgettext(text, c) != shown]


@question
def shown_sentence(sentence: str) -> str:
    """A sentence that is made outside the interface, as the sidebar shows it."""
    return our("ui.translations.sentences").translated(sentence)


def preferences() -> Any:
    return bpy.context.preferences.addons[ROOT].preferences


@question
def objects() -> dict[str, dict[str, Any]]:
    """Every object of the file: its own and its world matrix, row by row, whether it is hidden, and whether it is a
    turn's copy. One that is excluded from the view layer has no world matrix: Blender does not keep it up to date."""
    view_layer = window().view_layer
    view_layer.update()
    in_layer = set(view_layer.objects)
    return {
        obj.name: {
            "own": flat(obj.matrix_basis),
            "world": flat(obj.matrix_world) if obj in in_layer else None,
            "hidden": obj not in in_layer or not obj.visible_get(view_layer=view_layer),
            "copy": obj.get("metaspatial_of") is not None,
        }
        for obj in bpy.data.objects
    }


def flat(matrix: Any) -> list[float]:
    return [value for row in matrix for value in row]


@question
def job() -> dict[str, Any]:
    """State, notice and progress of the extension's job, and how long each tick of its timer took since
    `start_timing`."""
    status = our("ui.state.job_status").status
    return {
        "state": status.state,
        "notice": "" if status.notice is None else status.notice.sentence,
        "progress": status.progress.text,
        "ticks": list(ticks),
    }


@question
def turns() -> list[dict[str, Any]]:
    """The turns of the newest run, in order: number, whether it is shown, how many copies, faults and pictures
    it has."""
    stored = our("blender.turns.turns")
    summary = our("ui.state.turn_cache").turn_summary
    scene = window().scene
    shown = our("blender.turns.turn_visibility").shown(scene)
    runs = stored.runs(scene)
    return [
        {
            "number": number,
            "shown": turn == shown,
            "copies": len(turn.all_objects),
            "faults": summary(turn).faults,
            "pictures": len(our("ui.state.scene.listed_turns").turn_images(turn)),
        }
        for number, turn in enumerate(stored.turns(runs[-1]) if runs else [], 1)
    ]


@question
def select(names: list[str]) -> None:
    """Select these objects alone, as by clicks in the outliner; the last one is active."""
    with in_viewport():
        bpy.ops.object.select_all(action="DESELECT")
        for name in names:
            bpy.data.objects[name].select_set(True)
            bpy.context.view_layer.objects.active = bpy.data.objects[name]
        bpy.ops.ed.undo_push(message="Select")


@question
def selected() -> list[str]:
    return sorted(obj.name for obj in window().view_layer.objects if obj.select_get())


@question
def rename(name: str, to: str) -> None:
    """As by a double click in the outliner."""
    bpy.data.objects[name].name = to
    with in_viewport():
        bpy.ops.ed.undo_push(message="Rename")


@question
def mode() -> str:
    with in_viewport():
        return bpy.context.mode


@question
def reload(times: int) -> None:
    """Disable and enable the extension so many times, as by its box in the preferences."""
    for _ in range(times):
        bpy.ops.preferences.addon_disable(module=ROOT)
        bpy.ops.preferences.addon_enable(module=ROOT)


@question
def operator(name: str, how: str = "EXEC_DEFAULT", **options: Any) -> list[str]:
    """Run one of Blender's own operators in the viewport, for what a person does through menus and dialogs."""
    module, function = name.split(".")
    with in_viewport():
        return sorted(getattr(getattr(bpy.ops, module), function)(how, **options))


@question
def prompt() -> str:
    return window().scene.metaspatial.prompt


@question
def wishes() -> dict[str, Any]:
    """The wishes of the panel, what was not understood, and how many the turn that is listed meets."""
    settings, state = window().scene.metaspatial, our("ui.state.wishes")
    turn = our("ui.state.scene.listed_turns").listed_turn(window().scene)
    return {
        "words": [state.words(entry) for entry in state.shown(settings)],
        "not_understood": settings.not_understood,
        "met": "" if turn is None else our("ui.state.turn_cache").turn_summary(turn).wishes_met,
    }


@question
def smooth() -> None:
    """Anti-aliasing, for pictures that are to be looked at."""
    bpy.context.preferences.system.viewport_aa = "8"


@question
def look(at: list[float], distance: float, yaw: float, pitch: float) -> None:
    """Turn the viewport's view: the point that it is about, metres from it, degrees about z and above the floor."""
    view = viewport().spaces.active.region_3d
    view.view_location, view.view_distance = at, distance
    view.view_rotation = Euler((math.radians(90 - pitch), 0, math.radians(yaw))).to_quaternion()


@question
def move(name: str, by: list[float]) -> None:
    """Move an object by metres, as by the key G."""
    bpy.data.objects[name].location += Vector(by)
    with in_viewport():
        bpy.ops.ed.undo_push(message="Move")


@question
def windows() -> list[list[int]]:
    """x, y, width, height of every window in pixels from the top left corner of the screen, the newest last."""
    screen = window().height
    manager = bpy.context.window_manager
    return [[each.x, screen - each.y - each.height, each.width, each.height] for each in manager.windows]


@question
def show_preferences(section: str) -> None:
    """Open the preferences at a section; ADDONS with the extension's own unfolded."""
    bpy.context.preferences.active_section = section
    with in_viewport():
        bpy.ops.screen.userpref_show(section=section)
        if section == "ADDONS":
            bpy.ops.preferences.addon_show(module=ROOT)


@question
def start_timing() -> None:
    """Time rounds of the main loop, redraws, and the ticks of the extension's job, from now on."""
    for marks in (beats, redraws, ticks):
        marks.clear()
    job_class = our("ui.state.job").Job
    tick = job_class.tick
    if hasattr(tick, "untimed"):
        return

    def timed_tick(self: Any) -> Any:
        began = time.perf_counter()
        try:
            return tick(self)
        finally:
            ticks.append(time.perf_counter() - began)

    timed_tick.untimed = tick  # type: ignore[attr-defined]
    job_class.tick = timed_tick


@question
def seconds_since_redraw() -> float:
    """How long ago the viewport was drawn last."""
    return time.perf_counter() - redraws[-1]


@question
def undo_step() -> float:
    """Seconds that Blender takes for an undo step after an object was moved in this scene, whoever moved it."""
    window().view_layer.objects.active.location.x += 1e-7
    began = time.perf_counter()
    with in_viewport():
        bpy.ops.ed.undo_push(message="Undo step of the test")
    return time.perf_counter() - began


@question
def make_renders_long() -> None:
    """A render by Cycles that lasts until it is stopped; EEVEE would hold the window up without a graphics card."""
    scene = window().scene
    scene.render.engine = "CYCLES"
    scene.cycles.samples, scene.cycles.use_denoising = 1 << 20, False
    scene.cycles.use_adaptive_sampling = False
    scene.render.resolution_percentage = 25


@question
def rendering() -> bool:
    return bpy.app.is_job_running("RENDER")


@question
def gaps() -> dict[str, list[float]]:
    """Seconds between rounds of the main loop, and between redraws of the viewport, since `start_timing`."""
    return {
        name: [later - sooner for sooner, later in zip(list(marks)[:-1], list(marks)[1:], strict=True)]
        for name, marks in (("beats", beats), ("redraws", redraws))
    }


@question
def traces() -> dict[str, Any]:
    """What the extension has in Blender now: classes, properties, handlers, timers; and the memory in MB."""
    status = Path("/proc/self/status").read_text()
    return {
        "classes": sorted(name for name in dir(bpy.types) if name.startswith("METASPATIAL_")),
        "properties": [
            kind.__name__
            for kind in (bpy.types.Scene, bpy.types.Object, bpy.types.WindowManager)
            if "metaspatial" in kind.bl_rna.properties
        ],
        "handlers": [
            f"{kind}: {function.__module__}.{function.__name__}"
            for kind in dir(bpy.app.handlers)
            if isinstance(functions := getattr(bpy.app.handlers, kind), list)
            for function in functions
            if function.__module__.startswith(ROOT)
        ],
        "timers": [
            f"{function.__module__}.{function.__name__}"
            for function in timers
            if function.__module__.startswith(ROOT) and bpy.app.timers.is_registered(function)
        ],
        "megabytes": int(status.split("VmRSS:")[1].split()[0]) / 1024,
    }


def serve(path: str) -> None:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(f"{path}.new")
    listener.listen(1)
    os.replace(f"{path}.new", path)  # whoever waits for the path may connect as soon as it is there
    listener.setblocking(False)
    asked: list[tuple[socket.socket, bytes, int]] = []

    def beat() -> float:
        beats.append(time.perf_counter())
        try:
            connection, _ = listener.accept()
        except BlockingIOError:
            pass
        else:
            connection.setblocking(True)
            with connection.makefile("rb") as lines:
                asked.append((connection, lines.readline(), SETTLE))
        waiting, asked[:] = asked[:], []
        for connection, line, rounds in waiting:
            if rounds:
                asked.append((connection, line, rounds - 1))
            else:
                with connection:
                    connection.sendall(json.dumps(answer(line)).encode() + b"\n")
        return BEAT

    bpy.app.timers.register(beat, persistent=True)


def answer(line: bytes) -> dict[str, Any]:
    arguments = json.loads(line)
    try:
        return {"value": QUESTIONS[arguments.pop("ask")](**arguments)}
    except Exception:
        return {"error": traceback.format_exc()}


def note_timers() -> None:
    """Keep every function that is given to bpy.app.timers, which does not tell them itself."""
    register = bpy.app.timers.register

    def noting(function: Callable[[], Any], **options: Any) -> None:
        timers.append(function)
        register(function, **options)

    bpy.app.timers.register = noting


# Anti-aliasing draws each view eight times over, which only a graphics card does in passing.
bpy.context.preferences.system.viewport_aa = "OFF"
bpy.types.SpaceView3D.draw_handler_add(lambda: redraws.append(time.perf_counter()), (), "WINDOW", "POST_PIXEL")
note_timers()
serve(sys.argv[sys.argv.index("--") + 1])
print(f"probe: process {os.getpid()} is ready", flush=True)
