"""How a command ends before its time: by Ctrl-C (SIGINT), SIGTERM or SIGHUP.

Each raises `Interrupted` in the main thread, which unwinds as from any exception. But Python runs handlers between two
of its own instructions only: an operator of Blender's, such as a render, would hold the signal up for its seconds, and
a Python callback of Blender's would swallow the exception. A thread therefore waits for signals in the operating
system, and ends the process where the main thread has not come out of its work in time. Until a signal comes the thread
runs no Python, which none may do beside Blender's operators.
"""

from __future__ import annotations

import multiprocessing
import os
import select
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any

SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))

CHILD = "METASPATIAL_CHILD"
"""Environment variable of a command that another one has started: it ends when its stdin is closed, as that of a killed
parent is."""

LIMIT_S = 1.2
"""Seconds that the main thread has to come out of its work, with all that it cleans up on the way."""


class Interrupted(KeyboardInterrupt):
    """A signal that ends the command."""

    def __init__(self, number: int):
        self.number = number
        super().__init__("interrupted" if number == signal.SIGINT else f"ended by {signal.Signals(number).name}")


SIGNALLED = 128
"""Exit codes above this say that a signal ended the process: this plus the signal's number, as shells have it."""


def exit_code(interrupt: KeyboardInterrupt) -> int:
    return SIGNALLED + getattr(interrupt, "number", signal.SIGINT)


class Watch:
    """Handles the signals of a command until it is closed. `end` ends the process without the main thread."""

    def __init__(self, end: Callable[[Interrupted], None]):
        self._end = end
        self._number, self._raised = 0, False
        is_child = bool(os.environ.pop(CHILD, "")) and sys.platform != "win32"  # where sockets alone can be waited for
        self._leaving = threading.Event()
        self._reader, self._writer = socket.socketpair()
        self._writer.setblocking(False)
        self._awaited: list[Any] = [self._reader, *([0] if is_child else [])]
        self._thread = threading.Thread(target=self._listen, name="signals", daemon=True)
        self._before = {number: signal.getsignal(number) for number in SIGNALS}
        for number, before in self._before.items():
            if before is not signal.SIG_IGN:  # as nohup has it, and a shell for what runs in the background
                signal.signal(number, self._on_signal)
        self._wakeup = signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        self._on_first: Callable[[], None] | None = None
        self._thread.start()

    def close(self) -> None:
        signal.set_wakeup_fd(self._wakeup)
        for number, before in self._before.items():
            signal.signal(number, signal.SIG_DFL if before is None else before)  # None: a handler of Blender's in C
        self._writer.shutdown(socket.SHUT_WR)  # forked children may have it open as well
        self._thread.join()
        self._writer.close()
        self._reader.close()

    def leave(self) -> None:
        """Say that the main thread has come out of its work: from here on signals do nothing."""
        self._leaving.set()

    def pending(self) -> Interrupted | None:
        """The signal that `calm` has held back."""
        return Interrupted(self._number) if self._number else None

    @contextmanager
    def calm(self, on_first: Callable[[], None] | None) -> Iterator[None]:
        """Do not wake the thread at the first signal, and with `on_first` call that instead of raising."""
        before, self._on_first = self._on_first, on_first
        if not self._number:
            signal.set_wakeup_fd(-1)
        try:
            yield
        finally:
            self._on_first = before
            self._wake_thread()

    def _wake_thread(self) -> None:
        signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self._leaving.is_set() or self._raised:  # or what is cleaned up would be broken off
            return
        first, self._number = not self._number, number
        self._wake_thread()
        if first and self._on_first is not None:
            self._on_first()
            return
        if _runs_script_of_blender(frame):  # it would print a traceback and go on: the thread ends the process instead
            return
        self._raised = True
        raise Interrupted(number)

    def _listen(self) -> None:
        """Thread: the numbers of signals, as Python's own handler in C writes them, until the pair is closed."""
        while True:
            if 0 in select.select(self._awaited, [], [])[0]:
                self._end(Interrupted(signal.SIGTERM))
            received = self._reader.recv(1)
            if not received:
                return
            number = received[0]
            if self._before.get(number, signal.SIG_IGN) is not signal.SIG_IGN and not self._leaving.wait(LIMIT_S):
                self._end(Interrupted(number))


def _runs_script_of_blender(frame: FrameType | None) -> bool:
    """Whether a signal met an add-on that comes with Blender, such as Cycles or the glTF exporter, at its work."""
    while frame is not None:
        if "addons_core" in Path(frame.f_code.co_filename).parts:
            return True
        frame = frame.f_back
    return False


_watch: Watch | None = None


@contextmanager
def watched(end: Callable[[Interrupted], None]) -> Iterator[Watch]:
    """Handle signals until the end of the block. `end` is called in a thread where the main thread is held up."""
    global _watch
    _watch = Watch(end)
    try:
        yield _watch
    finally:
        _watch.close()
        _watch = None


@contextmanager
def deferred(on_first: Callable[[], None]) -> Iterator[Callable[[], Interrupted | None]]:
    """Hold the first signal back until the end of the block: it calls `on_first` instead. The second one raises.

    Yields a function that returns the signal that was held back, None before there is one.
    """
    watch = _watch
    if watch is None:  # not run as a command
        yield lambda: None
        return
    with watch.calm(on_first):
        yield watch.pending


@contextmanager
def patient() -> Iterator[None]:
    """Let the first signal raise whenever it can: for work of which what is done is kept. From the second one on there
    is the usual limit."""
    if _watch is None:
        yield
        return
    with _watch.calm(None):
        yield


def kill_children() -> None:
    """Kill the processes that this one has started, as far as the operating system lists them. Theirs end with them:
    workers notice that their parent has gone."""
    for listed in Path("/proc/self/task").glob("*/children"):
        with suppress(OSError):
            for pid in listed.read_text().split():
                os.kill(int(pid), signal.SIGKILL)


def end_children() -> None:
    """Kill the processes that are left when a signal has unwound the main thread, for which Python's end would wait."""
    if hasattr(signal, "SIGCHLD"):  # torch's handler raises for each of its workers that is killed
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for child in multiprocessing.active_children():
        child.kill()
    kill_children()


def _forget_in_child() -> None:
    """A forked child is no command: signals are its parent's to handle."""
    global _watch
    if _watch is not None:
        _watch = None
        signal.set_wakeup_fd(-1)
        for number in SIGNALS:
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_in_child)


def _end_at_once(_number: int, _frame: FrameType | None) -> None:
    os.write(2, b"interrupted\n")
    os._exit(SIGNALLED + signal.SIGINT)


def _is_starting() -> bool:
    """Whether this process runs a command of this folder, and not one of its worker processes."""
    script = getattr(sys.modules["__main__"], "__file__", None)
    in_folder = script is not None and Path(script).resolve().parent == Path(__file__).resolve().parent
    return in_folder and multiprocessing.parent_process() is None


# Until there is a watch, a command only imports, for seconds: there is nothing to unwind, and a traceback of imports
# tells nobody anything.
if _is_starting() and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, _end_at_once)
