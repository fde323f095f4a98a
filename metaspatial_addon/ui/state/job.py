"""The one job at a time that the button starts, and the timer that keeps it going.

The worker process does the work. Here is only what the window must do itself: write the scene for the worker, receive
its messages and put the turns that they bring into the file (`placement.py`), in slices of a few milliseconds. The
timer runs while there is a job or a worker. Nothing of a job is saved.

    start(request)             lay out; the state is READING at once
    ask(message, key, done)    a question to the worker (assets, check); `done` gets the answer
    cancel()                   back to IDLE at once; turns that have arrived stay

What the panel shows of it is in `job_status.py`.
"""

from __future__ import annotations

import atexit
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import bpy
from bpy.app.handlers import persistent
from bpy.app.translations import pgettext_iface as iface_
from bpy.app.translations import pgettext_rpt as rpt_

from ...blender.turns import turn_collections, turn_visibility
from ...core.temporary import TemporaryFolder
from ...worker.client import Worker, worker_command
from ...worker.messages import VERSION
from ..screen import Notice, ProgressBar, progress_bar, redraw_panels, why_wait
from ..translations.sentences import translated
from . import api_key, folders, notices, preferences
from .identifiers import Operators
from .job_status import IDLE, PLACING, READING, RUNNING, STARTING, JobStatus, status
from .late_pictures import LatePictures
from .placement import TurnPlacement
from .request import JobRequest, NotReady

log = logging.getLogger(__name__)

TICK_BUDGET_S = 0.015
"""Seconds that a tick goes on taking further steps. A step takes a few milliseconds as a rule."""

SILENCE_LIMITS_S = {"model": 330.0, "assets": 330.0, "check": 330.0}
"""Seconds without a message after which a worker counts as hung, by phase. While a model answers, for however long,
the worker says `alive` every second; while a model is loaded, nothing can be said."""
OTHER_SILENCE_LIMIT_S = 180.0
"""The same in all other phases."""

BUSY_INTERVAL_S, PICTURES_INTERVAL_S, CALM_INTERVAL_S = 0.05, 0.25, 1.0
"""Seconds between two ticks: with a job, after a layout whose pictures may come, and otherwise."""


@dataclass
class _Question:
    """What the worker was asked, and who wants to know. `number` is that of the job, in all messages about it."""

    message: dict[str, Any]
    key: str = field(repr=False)
    done: Callable[[dict[str, Any]], None]
    number: int = 0
    phase: str = "scene"


@dataclass
class _Layout:
    """A layout that the worker was asked for, and what has come of it."""

    request: JobRequest
    number: int = 0
    phase: str = "scene"
    folder: TemporaryFolder | None = None
    task: dict[str, Any] = field(default_factory=dict)
    placements: dict[int, TurnPlacement] = field(default_factory=dict)
    """By the worker's numbers of the turns, in the order of arrival."""
    notes: list[str] = field(default_factory=list)
    """What the last turn's record says of the model's replies."""

    @property
    def message(self) -> dict[str, Any]:
        return self.request.message

    @property
    def key(self) -> str:
        return self.request.key

    @property
    def placement(self) -> TurnPlacement | None:
        """That of the turn that came last."""
        return next(reversed(self.placements.values()), None)


class Job:
    """The one job; its `worker` is kept between jobs."""

    def __init__(self, status: JobStatus) -> None:
        self.status = status
        self.worker: Worker | None = None
        self._work: _Layout | _Question | None = None
        self._pictures: LatePictures | None = None  # of the last layout, which has ended
        self._key = ""
        self._silence_s, self._idle_s, self._last_tick = 0.0, 0.0, time.monotonic()
        self._count = 0
        self._leftovers: list[TemporaryFolder] = []

    # Beginnings and ends

    def begin(self, work: _Layout | _Question) -> None:
        """Take on a job. Nothing is done before the next tick, so that the panel shows it first."""
        if self.status.busy:
            raise RuntimeError("one job at a time")
        self._count += 1
        work.number = self._count
        self._work, self._pictures = work, None
        text = (
            iface_("Reading the scene") if isinstance(work, _Layout) else iface_("Starting Blender in the background")
        )
        self.status.update(READING, ProgressBar(text), None)
        if not bpy.app.timers.is_registered(tick):
            bpy.app.timers.register(tick, first_interval=BUSY_INTERVAL_S, persistent=True)

    def end(self, notice: Notice | None = None, *, stop_worker: bool = True, file_stays: bool = True) -> None:
        """Go back to IDLE, whatever of the clean-up fails; the worker ends too, unless it has ended its part.

        What has arrived stays. `file_stays` False: another file is about to be opened, so nothing is changed in this.
        """
        work, self._work, self._pictures = self._work, None, None
        placing = self.status.state == PLACING
        if notice is not None and isinstance(work, _Layout):
            notice = notice._replace(holds=notices.in_scene(work.request.scene))
        self.status.update(IDLE, ProgressBar(), notice or self.status.notice)
        steps: list[Callable[[], object]] = [self.stop_worker] if stop_worker else []
        pushes = False
        if isinstance(work, _Layout):
            if work.folder is not None:
                self._leftovers.append(work.folder)
            placement = work.placement
            if placement is not None and file_stays:
                pushes = placement.lacks_undo
                steps += [placement.show_now] if placing else []
                steps.append(placement.push_undo)
            if placement is not None and placing:
                steps.append(placement.close)
        if not pushes:  # an undo step of a large scene fills a tick, and so may removing that scene's file
            steps.append(self._remove_leftovers)
        for step in steps:
            try:
                step()
            except Exception:
                log.exception("MetaSpatial: a job did not end cleanly")
                self.status.notify(_bug())

    def stop_worker(self) -> None:
        """End the worker, if there is one."""
        worker, self.worker = self.worker, None
        if worker is not None:
            worker.stop()

    # The timer

    def tick(self) -> float | None:
        """Do one slice of work; seconds until the next one, None when there is nothing to wait for.

        Never raises: Blender drops a timer that does.
        """
        now = time.monotonic()
        # A machine that slept, or a window that was busy elsewhere, is no silence of the worker's.
        passed_s, self._last_tick = min(now - self._last_tick, 1.0), now
        try:
            self._step(passed_s, time.perf_counter() + TICK_BUDGET_S)
        except NotReady as error:
            self.end(Notice("ERROR", str(error), error.operator), stop_worker=False)
        except OSError as error:
            log.warning("MetaSpatial: a file could not be read or written", exc_info=True)
            text = rpt_("The files of the layout could not be written: {error}")
            self.end(Notice("ERROR", text.format(error=error.strerror or error)))
        except Exception:
            log.exception("MetaSpatial: a job was ended by an error")
            self.end(_bug())
        if self.status.busy:
            return BUSY_INTERVAL_S
        if self._pictures is not None and self.worker is not None:
            return PICTURES_INTERVAL_S
        return CALM_INTERVAL_S if self.worker is not None or self._leftovers else None

    def _step(self, passed_s: float, until: float) -> None:
        work, state = self._work, self.status.state
        if work is None:
            self._rest(passed_s)
            return
        placement = work.placement if isinstance(work, _Layout) else None
        if isinstance(work, _Layout):
            if turn_collections.find_scene(work.request.scene) is None:
                self.end(Notice("INFO", rpt_("The scene was deleted: its layout was stopped")))
                return
            changes_file = state in (READING, PLACING) or placement is not None and placement.lacks_undo
            if changes_file and (reason := why_wait()):
                self.status.update(state, self.status.progress._replace(text=reason), self.status.notice)
                return
        if state == READING:
            self._read(work)
        elif state == PLACING and placement is not None:
            self._place(placement, until)
        else:
            self._listen(work, passed_s, until)

    def _rest(self, passed_s: float) -> None:
        """Without a job: take pictures of turns, end a worker that nobody has needed for long, remove what it left."""
        self._idle_s += passed_s
        if self._pictures is not None and self.worker is not None and not why_wait():
            if self.status.restart_requested:
                self.status.restart_requested = False
                self._pictures.put_back()
            self._pictures.take(self.worker)
        if self.worker is not None:
            limit_s = 60 * preferences.of(bpy.context).idle_minutes
            if not self.worker.alive or self._idle_s > limit_s:
                self.stop_worker()
        self._remove_leftovers()

    def _remove_leftovers(self) -> None:
        for folder in self._leftovers:
            folder.remove()
        self._leftovers = [folder for folder in self._leftovers if folder.path.exists()]

    def _read(self, work: _Layout | _Question) -> None:
        """Start the worker, write the scene while it starts, and send the request."""
        worker = self._get_worker(work.key)
        message = {**work.message, "job": work.number}
        if isinstance(work, _Layout):
            work.folder = TemporaryFolder()
            message["folder"] = str(work.folder.path)
            work.request.write_scene(work.folder.path)
        worker.send(message)
        self._silence_s, self._idle_s = 0.0, 0.0
        self.status.update(STARTING, ProgressBar(iface_("Starting Blender in the background")), self.status.notice)

    def _get_worker(self, key: str) -> Worker:
        """A worker with this key in its environment: the one that there is, or a new one. Raises NotReady."""
        if self.worker is not None and (not self.worker.alive or key != self._key):
            self.stop_worker()
        if self.worker is None:
            self._key = key
            environment = {api_key.VARIABLE: key} if key else {}
            try:
                self.worker = Worker(worker_command(bpy.app.binary_path), folders.log_path(), environment)
            except OSError as error:
                text = rpt_("Blender could not be started in the background: {error}")
                raise NotReady(text.format(error=error.strerror)) from error
            finally:
                folders.find_log()
        return self.worker

    def _listen(self, work: _Layout | _Question, passed_s: float, until: float) -> None:
        """Receive messages, up to a turn; find out whether the worker still lives. Any message ends a silence."""
        worker, self._silence_s = self.worker, self._silence_s + passed_s
        while worker is not None and (message := worker.receive()) is not None:
            self._silence_s = 0.0
            self._handle(work, message)
            if self.status.state not in (STARTING, RUNNING):
                return
            if time.perf_counter() >= until:
                break
        if worker is None or not worker.alive:
            text = rpt_("The headless Blender stopped unexpectedly. Turns that had arrived are kept; try again")
            self.end(Notice("ERROR", text, Operators.OPEN_LOG))
        elif self._silence_s > SILENCE_LIMITS_S.get(work.phase, OTHER_SILENCE_LIMIT_S):
            text = rpt_("The headless Blender did not answer any more and was stopped. Turns that had arrived are kept")
            self.end(Notice("ERROR", text, Operators.OPEN_LOG))

    def _handle(self, work: _Layout | _Question, message: dict[str, Any]) -> None:
        """Do what a message of the worker asks for. One of another kind only says that the worker is alive."""
        kind = message["type"]
        if kind == "hello" and message["protocol"] != VERSION:
            raise NotReady(rpt_("The installation of MetaSpatial is damaged: install it again"))
        if message.get("job") != work.number:
            return
        if kind == "progress":
            if isinstance(work, _Layout) and work.placement is not None:
                # A turn's undo step waits until the turn is known not to be the last, which `done` may replace.
                work.placement.push_undo()
            work.phase = message["phase"]
            self.status.update(RUNNING, progress_bar(message), self.status.notice)
        elif kind == "error":
            operator = Operators.OPEN_LOG if message["bug"] else ""
            self.end(Notice("ERROR", translated(message["message"]), operator), stop_worker=False)
        elif isinstance(work, _Question):
            if kind in ("assets", "checked"):
                self.end(stop_worker=False)
                work.done(message)
        elif kind == "task":
            work.task = message
        elif kind == "turn":
            self._begin_placement(work, message)
        elif kind == "done":
            self._finish(work, message)

    def _begin_placement(self, work: _Layout, message: dict[str, Any]) -> None:
        """Start to put a turn into the file."""
        if work.placement is not None:
            work.placement.push_undo()
        request, number = work.request, message["number"]
        work.notes = message["record"].get("notes", [])
        assert work.folder is not None  # the request that this answers was written there
        incoming = turn_collections.IncomingTurn(
            scene=request.scene,
            run=request.run,
            title=request.title,
            number=request.first_turn + number - 1,
            task=work.task,
            turn=message,
            originals=request.originals,
            asked={item["name"] for item in request.message["items"]},
            folder=work.folder.path,
            start=request.start,
        )
        work.placements[number] = TurnPlacement(incoming)
        self.status.restart_requested = False
        text = iface_("Turn {turn} of {turns}: placing").format(turn=number, turns=request.message["turns"])
        self.status.update(PLACING, self.status.progress._replace(text=text), self.status.notice)

    def _place(self, placement: TurnPlacement, until: float) -> None:
        """Go on placing a turn, for as long as a tick may take."""
        if self.status.restart_requested:
            self.status.restart_requested = False
            placement.restart()
        if placement.advance(until):
            self._silence_s = 0.0
            self.status.update(RUNNING, self.status.progress, self.status.notice)

    def _finish(self, work: _Layout, message: dict[str, Any]) -> None:
        """End a layout: show its best turn, if the artist still looks at the last."""
        best, last = work.placements.get(message["best"]), work.placement
        if best is not None and last is not None and best is not last and last.is_shown():
            best.show_now()
        if last is not None:
            last.push_undo()
        notice = None
        if message["failure"]:
            notice = Notice("ERROR", translated(message["failure"]))
        elif message["note"]:
            notice = Notice("INFO", translated(message["note"]))
        elif message["best"] is None:
            why = " ".join(map(translated, work.notes)) or rpt_("Try again, or another model")
            notice = Notice("ERROR", rpt_("No answer of the model could be used. {why}").format(why=why))
        self.end(notice, stop_worker=message["memory"] > preferences.of(bpy.context).memory_limit_mb)
        self._pictures = LatePictures(work.number, work.placements)


def _bug() -> Notice:
    return Notice("ERROR", rpt_("An error in MetaSpatial ended the layout: the system console has the details"))


current = Job(status)


def start(request: JobRequest) -> None:
    """Lay out. Raises RuntimeError while another job runs."""
    current.begin(_Layout(request))


def ask(message: dict[str, Any], key: str, done: Callable[[dict[str, Any]], None]) -> None:
    """Ask the worker something (`assets` or `check`, without the job's number); `done` is given its answer, from the
    timer. An error, or Cancel, shows in the notice alone. Raises RuntimeError while another job runs."""
    current.begin(_Question(message, key, done))


def cancel() -> None:
    """End the job that runs, and its worker, at once."""
    if status.busy:
        current.end()


def tick() -> float | None:
    """What the timer calls. Blender has none in the background: call it yourself there."""
    return current.tick()


@persistent
def shutdown(*_: object) -> None:
    """End the job, the worker and the timer."""
    current.end(file_stays=False)
    if bpy.app.timers.is_registered(tick):
        bpy.app.timers.unregister(tick)


@persistent
def _before_load(*_: object) -> None:
    notice = Notice("INFO", rpt_("Another file was opened: the layout was stopped")) if status.busy else None
    current.end(file_stays=False)
    status.notify(notice)  # what was said of the file before is over


@persistent
def _after_undo(*_: object) -> None:
    status.restart_placement()
    redraw_panels()


_HANDLERS = {"load_pre": _before_load, "undo_post": _after_undo, "redo_post": _after_undo, "exit_pre": shutdown}


def register() -> None:
    for name, handler in _HANDLERS.items():
        if hasattr(bpy.app.handlers, name):  # exit_pre from 5.2 on
            getattr(bpy.app.handlers, name).append(handler)
    atexit.register(_stop_at_exit)


def unregister() -> None:
    """Also brings back the originals that a turn hides: without the add-on nobody could."""
    shutdown()
    status.notify(None)
    atexit.unregister(_stop_at_exit)
    for name, handler in _HANDLERS.items():
        if handler in getattr(bpy.app.handlers, name, ()):
            getattr(bpy.app.handlers, name).remove(handler)
    turn_visibility.restore_all()


def _stop_at_exit() -> None:
    """When Python ends there may be no file any more: the process alone is ended, without a thread."""
    worker, current.worker = current.worker, None
    if worker is not None:
        worker.end()
