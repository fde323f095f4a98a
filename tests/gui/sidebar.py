"""The sidebar of the 3D viewport: its tab, its buttons and fields, found under the mouse as a person finds them."""

from __future__ import annotations

import time

from tests.gui.session import Session

TAB = "MetaSpatial"
COLUMNS = (0.5, 0.2, 0.8, 0.35, 0.65, 0.93)
"""Where buttons of a row are looked for, as shares of the sidebar's width."""
STEP = 15
"""Pixels between two looks: three quarters of the height of a button."""
HEADER = 31
"""Pixels from the last field of a panel down to the header of the next."""


class Sidebar:
    """The sidebar of a session, open at the tab MetaSpatial."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self._known: dict[str, tuple[int, int]] = {}
        self._pressed: tuple[int, int] | None = None
        if not session.ask("tab"):
            session.desktop.move(*self.viewport())
            session.desktop.key("n")
        self._open_tab()

    def viewport(self) -> tuple[int, int]:
        """A point of the viewport beside the sidebar."""
        x, y, width, height = self.session.ask("places")["WINDOW"]
        return x + width // 3, y + height * 2 // 3

    def region(self) -> tuple[int, int, int, int]:
        """x, y, width, height on the screen."""
        return tuple(self.session.ask("places")["UI"])

    def press(self, operator: str) -> float:
        """Click the button of an operator, as "metaspatial.cancel". Returns when, by time.monotonic."""
        self._pressed = self.find(operator)
        self.session.desktop.click(*self._pressed)
        return time.monotonic()

    def write(self, name: str, text: str) -> None:
        """Replace what stands in a text field."""
        self.session.desktop.click(*self.find(name))
        self.session.desktop.key("ctrl+a")
        self.session.desktop.write(text)
        self.session.desktop.key("ctrl+Return")  # a text box of several lines takes Return as a new line

    def open_below(self, name: str) -> None:
        """Open the closed panel whose header comes next below a field."""
        x, y = self.find(name)
        self.session.desktop.click(x, y + HEADER)

    def find(self, name: str) -> tuple[int, int]:
        """Where the button of an operator, or the field of a property, is on the screen. Raises AssertionError."""
        place = self._find(name)
        assert place, f"the sidebar has no {name}: see {self.session.picture('missing')}"
        return place

    def has(self, name: str) -> bool:
        return self._find(name) is not None

    def _find(self, name: str) -> tuple[int, int] | None:
        for place in self._likely(name):
            if self.is_at(name, place):
                self._known[name] = place
                return place
        x, y, width, height = self.region()
        middle = x + width // 2, y + height // 2
        self.session.desktop.scroll(*middle, -40)
        for page in range(6):
            place = self.on_this_page(name)
            if place:
                self._known[name] = place
                return place
            before = self._landmarks()
            self.session.desktop.scroll(*middle, 6)
            if page and self._landmarks() == before:
                break
        return None

    def _likely(self, name: str) -> list[tuple[int, int]]:
        """Where a button was before, and around the last click: Cancel comes up where Generate Layout was."""
        places = [self._known[name]] if name in self._known else []
        if self._pressed:
            x, y = self._pressed
            places += [(x, y + rows * STEP) for rows in (2, 1, 3, 0, -1, 4)]
        return places

    def on_this_page(self, name: str) -> tuple[int, int] | None:
        """Where a button or field is without any scrolling; None: not in sight."""
        x, y, width, height = self.region()
        for share in COLUMNS:
            for down in range(STEP // 2, height, STEP):
                place = x + int(share * (width - 20)), y + down
                if self.is_at(name, place):
                    return place
        return None

    def is_at(self, name: str, place: tuple[int, int]) -> bool:
        """Whether a button or field is at that place of the screen, which the mouse is moved to."""
        self.session.desktop.move(*place)
        return any(name in text for text in self.session.ask("under_mouse").values())

    def _landmarks(self) -> list[dict[str, str]]:
        """What is under some points: unchanged when there is nothing left to scroll to."""
        x, y, width, height = self.region()
        seen = []
        for down in range(STEP, height, height // 12):
            self.session.desktop.move(x + width // 2, y + down)
            seen.append(self.session.ask("under_mouse"))
        return seen

    def _open_tab(self) -> None:
        x, y, width, height = self.region()
        for down in range(20, height, 25):
            if self.session.ask("tab") == TAB:
                return
            self.session.desktop.click(x + width - 8, y + down)
        assert self.session.ask("tab") == TAB, f"the sidebar has no tab {TAB}: see {self.session.picture('missing')}"
