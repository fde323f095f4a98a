"""A screen of our own (Xvfb), with the hands and eyes of a person: mouse, keyboard, pictures."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

WIDTH, HEIGHT = 1400, 1000


class Desktop:
    """An X server without a window manager. Its environment is what a program needs to open a window there.

    `width`, `height`: of the screen in pixels.
    """

    def __init__(self, log: Path, width: int = WIDTH, height: int = HEIGHT) -> None:
        self.width, self.height = width, height
        reading, writing = os.pipe()
        with log.open("w") as output:
            self._server = subprocess.Popen(
                ["Xvfb", "-displayfd", str(writing), "-screen", "0", f"{width}x{height}x24", "+extension", "GLX"],
                pass_fds=[writing],
                stdout=output,
                stderr=output,
                stdin=subprocess.DEVNULL,
            )
        os.close(writing)
        with os.fdopen(reading) as answer:
            number = answer.readline().strip()
        if not number:
            raise RuntimeError(f"Xvfb did not start: {log.read_text()[-500:]}")
        self.environment = {**os.environ, "DISPLAY": f":{number}", "LIBGL_ALWAYS_SOFTWARE": "1"}

    def close(self) -> None:
        self._server.terminate()
        self._server.wait(10)

    def move(self, x: int, y: int) -> None:
        """Put the mouse at (x, y), in pixels from the top left corner of the screen."""
        self._xdotool("mousemove", x, y)

    def click(self, x: int, y: int, button: int = 1) -> None:
        self.move(x, y)
        time.sleep(0.1)  # a hand rests before it clicks; the button beneath lights up
        self._xdotool("click", button)

    def scroll(self, x: int, y: int, steps: int) -> None:
        """Turn the wheel over (x, y); positive steps bring up what is below."""
        self.move(x, y)
        self._xdotool("click", "--repeat", abs(steps), "--delay", 20, 5 if steps > 0 else 4)

    def key(self, *keys: str) -> None:
        """Press keys one after the other, as "ctrl+z" or "Escape"."""
        self._xdotool("key", "--delay", 40, *keys)

    def write(self, text: str) -> None:
        self._xdotool("type", "--delay", 15, text)

    def picture(self, path: Path, crop: tuple[int, int, int, int] | None = None) -> Path:
        """Save the screen, or a part of it (x, y, width, height)."""
        part = [] if crop is None else ["-crop", "{2}x{3}+{0}+{1}".format(*crop), "+repage"]
        command = ["import", "-window", "root", *part, str(path)]
        subprocess.run(command, env=self.environment, check=True, timeout=60)
        return path

    def _xdotool(self, *words: object) -> None:
        command = ["xdotool", *map(str, words)]
        subprocess.run(command, env=self.environment, check=True, timeout=60, stdin=subprocess.DEVNULL)
