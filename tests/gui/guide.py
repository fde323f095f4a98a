"""Takes the pictures of docs/guide.md in a real Blender window, as an artist meets it. Run by tools/make_guide.sh.

python3 -m tests.gui.guide --out FOLDER --log FOLDER

Each picture is cut to what matters and kept with few colours; a ring marks what is clicked next.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path

from tests.gui.desktop import Desktop
from tests.gui.run import install
from tests.gui.session import Bench, Session, until
from tests.gui.sidebar import Sidebar
from tests.gui.studio import GENERATE, PROMPT

SCREEN = 1500, 1000
ROOM_WIDTH, ROOM_HEIGHT = 1200, 800
COLOURS = 64
PREVIEWS, PREVIEW_HEIGHT, PREVIEW_QUALITY = ("example", "turns", "mended"), 675, 88
"""Rooms that the page on extensions.blender.org shows as well, cut to 16:9, as WebP."""
RING_RADIUS, RING_COLOUR = 16, "#ff8c1a"
PATIENCE_S = 900.0
"""A window without a graphics card on a busy machine takes its time."""
PANEL_TOP, PROMPT_TOP, WISHES_TOP = 40, 62, 125
"""Pixels above the top of a panel's first field, of the prompt, and of the fields below the list of wishes."""
PANEL_BOTTOM, TABS_WIDTH = 20, 28
"""Pixels below the middle of a panel's last field; width of the sidebar's tabs."""
PREFERENCES_TOP, PREFERENCES_LEFT = 247, 165
"""Pixels of the preferences' window over and left of the extension's own: Blender's words on it, and their path."""
WISH = "A calm bedroom; the desk by the window. The bed against the north wall."
LIBRARY_WISH = "A living room with a sofa, two armchairs, a coffee table and a tv"
SERVER = {"model": "SERVER", "server_url": "http://localhost:11434/v1", "server_model": "qwen2.5vl"}
SEED = 7
Rectangle = tuple[int, int, int, int]
Point = tuple[int, int]


class Artist:
    """A person in front of a fresh Blender who takes pictures on the way."""

    def __init__(self, bench: Bench, name: str, pictures: Path) -> None:
        self.session: Session = bench.start(name)
        self.desktop = bench.desktop
        self.pictures = pictures
        self.session.ask("operator", name="screen.screen_full_area")
        self.sidebar = Sidebar(self.session)

    def find(self, name: str) -> Point:
        """The middle of a button or field, which the sidebar finds by its edge."""
        x, y = self.sidebar.find(f"metaspatial.{name}")
        top, bottom = y, y
        while self.sidebar.is_at(f"metaspatial.{name}", (x, bottom + 4)):
            bottom += 4
        while self.sidebar.is_at(f"metaspatial.{name}", (x, top - 4)):
            top -= 4
        return x, (top + bottom) // 2

    def press(self, operator: str) -> None:
        self.sidebar.press(f"metaspatial.{operator}")

    def lay_out(self, operator: str) -> None:
        """Press a button that starts a layout, and wait for its end and for the pictures of its best turn."""
        self.press(operator)
        self.finish()

    def finish(self) -> None:
        """Wait for the end of a layout and for the pictures of its best turn."""
        until(lambda: self.session.ask("job")["state"] == "IDLE", PATIENCE_S, "the job has ended")
        assert not self.session.ask("job")["notice"], self.session.ask("job")
        until(self._is_pictured, PATIENCE_S, "the pictures of the turns have come")

    def _is_pictured(self) -> bool:
        return all(turn["pictures"] for turn in self.session.ask("turns"))

    def look(self, distance: float = 15.0, yaw: float = 35.0, pitch: float = 40.0) -> None:
        """Look at the room: its middle is a little above that of the viewport."""
        self.session.ask("look", at=[0.0, 0.0, -0.6], distance=distance, yaw=yaw, pitch=pitch)

    def take(self, name: str, crop: Rectangle, ring: Point | None = None, at_rest: bool = True) -> None:
        """Save a part of the screen (x, y, width, height), with a ring around a point of the screen."""
        if at_rest:
            self.desktop.move(*self.sidebar.viewport())  # no button lights up
            time.sleep(1.0)
            until(lambda: self.session.ask("seconds_since_redraw") > 1, PATIENCE_S, "the view is at rest")
        screen = self.session.picture(name)
        part = ["-crop", "{2}x{3}+{0}+{1}".format(*crop), "+repage"]
        if name in PREVIEWS:
            preview = ["-crop", f"{ROOM_WIDTH}x{PREVIEW_HEIGHT}+0+0", "+repage", "-quality", str(PREVIEW_QUALITY)]
            convert(screen, *part, *preview, str(self.pictures / "listing" / f"{name}.webp"))
        circle = ["-fill", "none", "-stroke", RING_COLOUR, "-strokewidth", "3"]
        circle += ["-draw", "circle {0},{1} {2},{1}".format(*ring, ring[0] + RING_RADIUS)] if ring else []
        few = ["+dither", "-colors", str(COLOURS), f"PNG8:{self.pictures / 'guide' / name}.png"]
        convert(screen, *circle, *part, *few)

    def room(self) -> Rectangle:
        """The right part of the viewport, with the sidebar."""
        x, y, width, _ = self.session.ask("places")["WINDOW"]
        return x + width - ROOM_WIDTH, y, ROOM_WIDTH, ROOM_HEIGHT

    def panel(self, first: str, last: str, above: int = PANEL_TOP) -> Rectangle:
        """The sidebar from the panel of one field to another field below it, without the tabs."""
        x, _, width, _ = self.sidebar.region()
        bottom = self.find(last)[1] + PANEL_BOTTOM
        place = self.sidebar.on_this_page(f"metaspatial.{first}")
        assert place, f"{first} and {last} are not in sight together"
        top = place[1] - above
        return x, top, width - TABS_WIDTH, bottom - top

    def window(self) -> Rectangle:
        """The newest window, once there is one beside Blender's first."""
        until(lambda: len(self.session.ask("windows")) > 1, PATIENCE_S, "another window comes up")
        return tuple(self.session.ask("windows")[-1])


def convert(picture: Path, *words: str) -> None:
    """Have ImageMagick make another of a picture."""
    subprocess.run(["convert", str(picture), "-strip", *words], check=True, timeout=PATIENCE_S)


def layouts(artist: Artist) -> None:
    """Example Scene, a prompt, Generate Layout, Fix Only What Is Broken, Accept, Ctrl-Z, Another, Export."""
    session, sidebar = artist.session, artist.sidebar
    artist.take("tab", artist.room(), artist.find("example_scene"))
    artist.press("example_scene")
    artist.look()
    artist.take("example", artist.room())
    for path, value in (("scene.seed", SEED), ("scene.randomise", False), ("preferences.picture_size", 256)):
        session.ask("assign", path=path, value=value)
    sidebar.write(PROMPT, WISH)
    generate, prompt = artist.find("generate_layout"), artist.panel("prompt", "fix_broken", above=PROMPT_TOP)
    artist.take("prompt", prompt, generate)
    artist.take("wishes", artist.panel("wishes[0].subject", "wishes[0].negated", above=WISHES_TOP))
    sidebar.press(GENERATE)
    until(lambda: "Turn" in session.ask("job")["progress"], PATIENCE_S, "the model is asked")
    artist.take("working", prompt, at_rest=False)
    artist.finish()
    artist.take("turns", artist.room())

    copies = {name: state["world"] for name, state in session.ask("objects").items() if state["copy"]}
    chair, bed = (next(name for name in copies if word in name) for word in ("chair", "bed"))
    session.ask("move", name=chair, by=[*(copies[bed][k] - copies[chair][k] for k in (3, 7)), 0.0])
    artist.take("fix", artist.room(), artist.find("fix_broken"))
    artist.lay_out("fix_broken")
    artist.take("mended", artist.room(), artist.find("accept_turn"))
    artist.press("accept_turn")
    artist.take("accepted", artist.room())
    artist.desktop.move(*sidebar.viewport())
    artist.desktop.key("ctrl+z")
    artist.take("undone", artist.room())
    artist.lay_out("another")
    artist.take("another", artist.room(), artist.find("run"))

    folder = session.home / "Interiors"
    folder.mkdir()
    session.ask(
        "operator", name="metaspatial.export_layout", how="INVOKE_DEFAULT", filepath=str(folder / "bedroom.glb")
    )
    artist.take("export", artist.window())


def settings(artist: Artist) -> None:
    """Room and items of the example, furniture from the library, the preferences, and where the zip is installed."""
    session = artist.session
    artist.press("example_scene")
    artist.look()
    artist.take("room", artist.panel("room_source", "add_door"))
    artist.take("items", artist.panel("items_source", "others_are_obstacles"))
    session.ask("operator", name="scene.new", type="NEW")
    for name, value in (("room_source", "SIZE"), ("items_source", "LIBRARY"), ("prompt", LIBRARY_WISH)):
        session.ask("assign", path=f"scene.{name}", value=value)
    artist.look()
    artist.press("pick_assets")
    until(lambda: session.ask("job")["state"] == "IDLE", PATIENCE_S, "the libraries are looked through")
    artist.take("library", artist.panel("items_source", "add_assets"), artist.find("add_assets"))

    for name, value in SERVER.items():
        session.ask("assign", path=f"preferences.{name}", value=value)
    session.ask("show_preferences", section="ADDONS")
    x, y, width, height = artist.window()
    artist.take(
        "preferences", (x + PREFERENCES_LEFT, y + PREFERENCES_TOP, width - PREFERENCES_LEFT, height - PREFERENCES_TOP)
    )
    session.ask("show_preferences", section="EXTENSIONS")
    menu = x + width - 17, y + 21
    artist.desktop.click(*menu)
    time.sleep(2.0)
    artist.take("install", (x, y, width, height // 2), menu, at_rest=False)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="for guide/ and listing/")
    parser.add_argument("--log", type=Path, required=True, metavar="FOLDER", help="for logs and whole screens")
    args = parser.parse_args()
    for folder in (args.out / "guide", args.out / "listing", args.log):
        folder.mkdir(parents=True, exist_ok=True)
    profile = install(args.log)
    desktop = Desktop(args.log / "xvfb.log", *SCREEN)
    bench = Bench(desktop, profile, args.log / "guide", None)
    try:
        layouts(Artist(bench, "layouts", args.out))
        settings(Artist(bench, "settings", args.out))
        bench.close()
    except BaseException:
        desktop.picture(args.log / "failed.png")
        bench.close(checked=False)
        raise
    finally:
        desktop.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
