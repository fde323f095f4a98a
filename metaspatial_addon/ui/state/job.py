"""The one job at a time that the button starts: what it is doing, and the timer that keeps it going.

The work is done by the worker process. Here is only what the window must do itself: write the scene for it, drain its
messages and put the turns that they bring into the file, in slices so short that nobody notices. The timer runs while
there is a job or a worker. Nothing of a job is saved.

    start(context, request)    lay out; the state is READING at once
    ask(message, key, done)    a question to the worker (assets, check); `done` gets the answer
    cancel()                   back to IDLE at once; turns that have arrived stay
    current                    what the panel shows: state, progress, notice
"""

from __future__ import annotations

import atexit
import logging
import shutil
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import bpy
from bpy.app.handlers import persistent

from ...blender.turns import turn_collections, turn_visibility, turns
from ...worker.client import Worker, worker_command
from ...worker.protocol import VERSION
from ..screen import Notice, Progress, list_turn, progress_of, push_undo, redraw_panels, why_wait
from . import api_key, preferences
from .folders import log_path
from .identifiers import Operators
from .request import NotReady, Request

log = logging.getLogger(__name__)

BUDGET = 0.015
"""Seconds that a tick goes on taking further steps. A step takes a few milliseconds as a rule."""

SILENCE = {"model": 330.0, "assets": 330.0, "check": 330.0}
"""Seconds without a message after which a worker counts as hung, by phase; LONGEST for the others. While a model
answers, for however long, the worker says `alive` every second; while it is loaded, nothing can be said."""
LONGEST = 180.0

_BUSY, _CALM = 0.05, 1.0  # seconds between ticks, with and without a job
_RESTARTS = 20  # of one turn's arrival, each because the artist removed what was being copied

IDLE, READING, STARTING, RUNNING, PLACING = "IDLE", "READING", "STARTING", "RUNNING", "PLACING"
"""What a job is at: nothing; the scene is to be written; the worker starts; it works; a turn is put into the file."""


@dataclass
class _Work:
    """What the worker was asked for, and what has come of it."""

    number: int
    message: dict[str, Any]
    key: str
    request: Request | None = None
    done: Callable[[dict[str, Any]], None] | None = None
    folder: Path | None = None
    phase: str = "scene"
    task: dict[str, Any] | None = None
    arrived: dict[int, int] = field(default_factory=dict)
    """session_uids of turns, by the worker's numbers."""


class Job:
    """The state of the one job. The panel reads `state`, `progress` and `notice`; `worker` is kept between jobs."""

    def __init__(self) -> None:
        self.state = IDLE
        self.progress = Progress()
        self.notice: Notice | None = None
        self.worker: Worker | None = None
        self.ticks: deque[float] = deque(maxlen=10_000)
        """Seconds of our own work in each tick."""
        self._work: _Work | None = None
        self._placing: Iterator[None] | None = None
        self._message: dict[str, Any] = {}
        self._key = ""
        self._silence, self._idle, self._last = 0.0, 0.0, time.monotonic()
        self._restart, self._restarts = False, 0
        self._unpushed = ""
        self._count = 0
        self._leftovers: list[Path] = []

    @property
    def busy(self) -> bool:
        """Whether a job is going on."""
        return self.state != IDLE

    # Beginnings and ends

    def begin(self, message: dict[str, Any], key: str, request: Request | None, done: Callable | None) -> None:
        """Take on a job. Nothing is done before the next tick, so that the panel shows it first."""
        if self.busy:
            raise RuntimeError("one job at a time")
        self._count += 1
        self._work = _Work(self._count, message, key, request, done)
        self._tell(READING, Progress("Reading the scene" if request else "Starting"), None)
        _keep_ticking()

    def cancel(self, notice: Notice | None = None, *, stop: bool = True) -> None:
        """End the job, if there is one; the worker too, unless it has ended its part. What has arrived stays."""
        if self._placing is not None and self._scene() is not None and (turn := self._arrived_turn()) is not None:
            turn_collections.show(self._scene(), turn)
        pushed = bool(self._unpushed)
        self._push_undo()
        # An undo step of a large scene fills a tick, and so may removing that scene's file.
        self.drop(notice, stop=stop, clean_up=not pushed)

    def drop(self, notice: Notice | None = None, *, stop: bool = True, clean_up: bool = True) -> None:
        """`cancel` for a file that is about to go. Temporary files that are not removed now go in a later tick."""
        self._unpushed = ""
        if stop:
            self.stop_worker()
        if self._work is not None and self._work.folder is not None:
            self._leftovers.append(self._work.folder)
        if self._placing is not None:
            self._placing.close()
            self._placing = None
            turn_collections.discard_unfinished()
        self._work = None
        self._tell(IDLE, Progress(), notice or self.notice)
        if clean_up:
            self._clean_up()

    def stop_worker(self) -> None:
        """End the worker, if there is one."""
        if self.worker is not None:
            self.worker.stop()
            self.worker = None

    def say(self, notice: Notice | None) -> None:
        """Show a notice in the panel; None removes it."""
        self._tell(self.state, self.progress, notice)

    def start_afresh(self) -> None:
        """Undo or redo happened: what was being built may be gone."""
        self._restart = True

    # The timer

    def tick(self) -> float | None:
        """One slice of work; seconds until the next one, None when there is nothing to wait for."""
        started = time.perf_counter()
        now = time.monotonic()
        # A machine that slept, or a window that was busy elsewhere, is no silence of the worker's.
        passed, self._last = min(now - self._last, 1.0), now
        try:
            self._step(passed, started + BUDGET)
        except NotReady as error:
            self.cancel(Notice("ERROR", str(error), error.operator), stop=False)
        except OSError as error:
            log.warning("MetaSpatial: a file could not be read or written", exc_info=True)
            self.cancel(Notice("ERROR", f"The files of the layout could not be written: {error.strerror or error}"))
        except Exception:
            log.exception("MetaSpatial: a job was ended by an error")
            self.cancel(Notice("ERROR", "An error in MetaSpatial ended the layout: the system console has the details"))
        self.ticks.append(time.perf_counter() - started)
        if self.busy:
            return _BUSY
        return _CALM if self.worker is not None or self._leftovers else None

    def _step(self, passed: float, until: float) -> None:
        if self.state == IDLE:
            self._rest(passed)
            return
        if self._work.request is not None and self._scene() is None:
            self.cancel(Notice("INFO", "The scene was deleted: its layout was stopped"))
            return
        if self._work.request is not None and (self.state in (READING, PLACING) or self._unpushed):
            reason = why_wait()
            if reason:
                self._tell(self.state, Progress(reason, self.progress.factor), self.notice)
                return
        if self.state == READING:
            self._read()
        elif self.state == PLACING:
            self._place(until)
        else:
            self._listen(passed, until)

    def _rest(self, passed: float) -> None:
        """Without a job: end a worker that nobody has needed for long, and remove what it left."""
        self._idle += passed
        if self.worker is not None:
            limit = 60 * preferences.of(bpy.context).idle_minutes
            if not self.worker.alive or self._idle > limit:
                self.stop_worker()
        self._clean_up()

    def _clean_up(self) -> None:
        for folder in self._leftovers:
            shutil.rmtree(folder, ignore_errors=True)
        self._leftovers = [folder for folder in self._leftovers if folder.exists()]

    def _read(self) -> None:
        """Start the worker, write the scene while it starts, and send the request."""
        work = self._work
        self._get_worker(work.key)
        message = {**work.message, "job": work.number}
        if work.request is not None:
            work.folder = Path(tempfile.mkdtemp(prefix="metaspatial_"))
            message["folder"] = str(work.folder)
            work.request.hand_over(work.folder)
        self.worker.send(message)
        self._silence, self._idle = 0.0, 0.0
        self._tell(STARTING, Progress("Starting Blender in the background"), self.notice)

    def _get_worker(self, key: str) -> None:
        """A worker with this key in its environment: the one that there is, or a new one. Raises NotReady."""
        if self.worker is not None and (not self.worker.alive or key != self._key):
            self.stop_worker()
        if self.worker is None:
            self._key = key
            try:
                self.worker = Worker(
                    worker_command(bpy.app.binary_path), log_path(), {api_key.VARIABLE: key} if key else {}
                )
            except OSError as error:
                raise NotReady(f"Blender could not be started in the background: {error.strerror}") from error

    def _listen(self, passed: float, until: float) -> None:
        """Take what the worker says, up to a turn; find out whether it still lives."""
        self._silence += passed
        while time.perf_counter() < until and self.state in (STARTING, RUNNING):
            message = self.worker.receive()
            if message is None:
                break
            self._silence = 0.0
            self._hear(message)
        if self.state not in (STARTING, RUNNING):
            return
        if not self.worker.alive:
            text = "The headless Blender stopped unexpectedly. Turns that had arrived are kept; try again"
            self.cancel(Notice("ERROR", text, Operators.OPEN_LOG))
        elif self._silence > SILENCE.get(self._work.phase, LONGEST):
            text = "The headless Blender did not answer any more and was stopped. Turns that had arrived are kept"
            self.cancel(Notice("ERROR", text, Operators.OPEN_LOG))

    def _hear(self, message: dict[str, Any]) -> None:
        kind, work = message["type"], self._work
        if kind == "hello":
            if message["protocol"] != VERSION:
                raise NotReady("The installation of MetaSpatial is damaged: install it again")
            return
        if message.get("job") != work.number:
            return
        if kind == "done":
            self._finish(message)
            return
        self._push_undo()
        if kind == "progress":
            work.phase = message["phase"]
            self._tell(RUNNING, progress_of(message), self.notice)
        elif kind == "task":
            work.task = message
        elif kind == "turn":
            self._restart, self._restarts, self._message = False, 0, message
            self._placing = self._arrival()
            text = f"Turn {message['number']} of {work.message['turns']}: placing"
            self._tell(PLACING, Progress(text, self.progress.factor), self.notice)
        elif kind == "error":
            self.cancel(Notice("ERROR", message["message"], Operators.OPEN_LOG if message["bug"] else ""), stop=False)
        elif kind in ("assets", "checked"):
            self.cancel(stop=False)
            work.done(message)

    def _finish(self, message: dict[str, Any]) -> None:
        """The layout is done: show its best turn, if the artist still looks at the last."""
        work = self._work
        scene = self._scene()
        made = {turn.session_uid: turn for turn in turn_visibility.all_turns(scene)}
        best, last = (made.get(work.arrived.get(k)) for k in (message["best"], max(work.arrived, default=None)))
        if best not in (None, last) and last is not None and turn_visibility.shown(scene) == last:
            turn_collections.show(scene, best)
            list_turn(scene, best)
        self._push_undo()
        notice = self.notice
        if message["failure"]:
            notice = Notice("ERROR", message["failure"])
        elif message["note"]:
            notice = Notice("INFO", message["note"])
        elif message["best"] is None:
            notice = Notice("ERROR", "No answer of the model could be used: try again, or another model")
        self.cancel(notice, stop=message["memory"] > preferences.of(bpy.context).memory_limit_mb)

    def _push_undo(self) -> None:
        """One step for the turn that came last. It waits for the worker's next message: the turn may turn out not to
        be the one to look at in the end."""
        if self._unpushed:
            push_undo(self._unpushed)
        self._unpushed = ""

    # Turns

    def _place(self, until: float) -> None:
        """Go on placing a turn, for as long as a tick may take."""
        if self._restart:
            self._begin_again()
        try:
            while time.perf_counter() < until:
                next(self._placing)
        except StopIteration:
            self._placing = None
            self._silence = 0.0
            self._tell(RUNNING, Progress(self.progress.text, self.progress.factor), self.notice)
        except ReferenceError:
            if self._restarts == _RESTARTS:
                raise
            self._begin_again()

    def _begin_again(self) -> None:
        """The file was changed while a turn was being put into it or shown: what was being copied may be gone."""
        self._restart = False
        self._restarts += 1
        self._placing.close()
        turn = self._arrived_turn()
        self._placing = self._arrival() if turn is None else turn_visibility.show_in_steps(self._scene(), turn)

    def _arrival(self) -> Iterator[None]:
        """Put the turn that came last into the file and show it, step by step."""
        work, message = self._work, self._message
        turn = yield from turn_collections.build_turn(
            turn_collections.IncomingTurn(
                scene=work.request.scene,
                run=work.request.run,
                title=work.request.title,
                number=work.request.first_turn + message["number"] - 1,
                task=work.task,
                turn=message,
                originals=work.request.originals,
                asked={item["name"] for item in work.message["items"]},
                folder=work.folder,
                start=work.request.start,
            )
        )
        work.arrived[message["number"]] = turn.session_uid
        self._unpushed = f"MetaSpatial: Turn {turn[turns.KEY]['turn']}"
        list_turn(self._scene(), turn)
        yield from turn_visibility.show_in_steps(self._scene(), turn)

    def _arrived_turn(self) -> bpy.types.Collection | None:
        """The turn that is being placed, once it is in the file."""
        uid = self._work.arrived.get(self._message["number"])
        return next((turn for turn in turn_visibility.all_turns(self._scene()) if turn.session_uid == uid), None)

    def _scene(self) -> bpy.types.Scene | None:
        """The scene that is laid out."""
        return turn_collections.find_scene(self._work.request.scene)

    def _tell(self, state: str, progress: Progress, notice: Notice | None) -> None:
        """Change what the panel shows, and have it drawn again where that is something else."""
        if (state, progress, notice) != (self.state, self.progress, self.notice):
            self.state, self.progress, self.notice = state, progress, notice
            redraw_panels()


current = Job()


def start(context: bpy.types.Context, request: Request) -> None:
    """Lay out. Raises RuntimeError while another job runs."""
    current.begin(request.message, request.key, request, None)


def ask(message: dict[str, Any], key: str, done: Callable[[dict[str, Any]], None]) -> None:
    """Ask the worker something (`assets` or `check`, without the job's number); `done` is given its answer, from the
    timer. An error, or Cancel, shows in the notice alone. Raises RuntimeError while another job runs."""
    current.begin(message, key, None, done)


def cancel() -> None:
    """End the job that runs, and its worker, at once."""
    if current.busy:
        current.cancel()


def tick() -> float | None:
    """What the timer calls. Blender has none in the background: call it yourself there."""
    return current.tick()


def shutdown() -> None:
    """End the job, the worker and the timer."""
    current.drop()
    if bpy.app.timers.is_registered(tick):
        bpy.app.timers.unregister(tick)


def _keep_ticking() -> None:
    if not bpy.app.timers.is_registered(tick):
        bpy.app.timers.register(tick, first_interval=_BUSY, persistent=True)


@persistent
def _before_load(*_: object) -> None:
    current.drop(Notice("INFO", "Another file was opened: the layout was stopped") if current.busy else None)


@persistent
def _after_undo(*_: object) -> None:
    current.start_afresh()
    redraw_panels()


@persistent
def _on_exit(*_: object) -> None:
    shutdown()


_HANDLERS = {"load_pre": _before_load, "undo_post": _after_undo, "redo_post": _after_undo, "exit_pre": _on_exit}


def register() -> None:
    for name, handler in _HANDLERS.items():
        if hasattr(bpy.app.handlers, name):  # exit_pre from 5.2 on
            getattr(bpy.app.handlers, name).append(handler)
    atexit.register(_stop_at_exit)


def unregister() -> None:
    """Also brings back the originals that a turn hides: without the add-on nobody could."""
    shutdown()
    atexit.unregister(_stop_at_exit)
    for name, handler in _HANDLERS.items():
        if handler in getattr(bpy.app.handlers, name, ()):
            getattr(bpy.app.handlers, name).remove(handler)
    turn_visibility.restore_all()


def _stop_at_exit() -> None:
    """When Python ends there may be no file any more: the process alone is ended."""
    current.stop_worker()
