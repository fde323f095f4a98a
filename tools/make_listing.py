"""Pictures for the add-on's page on extensions.blender.org, in docs/listing: .venv/bin/python tools/make_listing.py

Rooms as the embedded model lays them out, rendered by Cycles: an icon (PNG, 256 x 256 pixels) and a featured picture
(16:9, 1920 x 1080). The previews are taken of the window by tools/make_guide.sh.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from metaspatial_addon.blender.physics.stage import Stage
from metaspatial_addon.blender.rendering.render import Renderer
from metaspatial_addon.core.task import Layout, Task, read_task, task_from_json
from metaspatial_addon.episode.env import LayoutEnv
from metaspatial_addon.episode.play import play, prompt_format_of
from metaspatial_addon.policy.builtin.policy import BuiltinPolicy
from metaspatial_addon.prompts.png import read_png

CHECKOUT = Path(__file__).parents[1]
FOLDER = CHECKOUT / "docs" / "listing"
BEDROOM = CHECKOUT / "assets" / "tasks" / "demo.json"
STUDIO = CHECKOUT / "examples" / "rooms" / "studio_flat.json"
SEED, SAMPLES, RENDER_SAMPLES = 2, 8, 16
ICON, WIDTH, HEIGHT = 256, 1920, 1080
ICON_SCALE, ICON_CORNER = 2, 40
"""The icon is rendered so many times as large, for smooth edges; pixels of its round corners."""
QUALITY = 86
ICON_TASK = {
    "schema": "metaspatial.task/1",
    "id": "icon",
    "prompt": "",
    "room": {
        "type": "bedroom",
        "floor": [[0, 0], [2.8, 0], [2.8, 2.6], [0, 2.6]],
        "height": 1.9,
        "openings": [{"id": "door", "kind": "door", "wall": 0, "offset": 0.1, "width": 0.8, "sill": 0, "height": 1.8}],
    },
    "items": [
        {"id": "bed", "category": "double bed", "size": [1.6, 2.05, 1.0], "mount": "floor", "asset": "double_bed_oak"},
        {
            "id": "stand",
            "category": "nightstand",
            "size": [0.45, 0.4, 0.5],
            "mount": "floor",
            "asset": "nightstand_oak",
        },
    ],
    "relations": [],
}


def lay_out(stage: Stage, task: Task) -> Layout:
    """The best layout of three turns of the embedded model, which stays open on the stage."""
    policy = BuiltinPolicy()
    env = LayoutEnv(stage, prompt_format=prompt_format_of(policy), max_turns=3)
    for _ in play(env, policy, task, seed=SEED, samples=SAMPLES):
        pass
    assert env.best is not None and env.best.layout is not None
    return env.best.layout


def beside(*pictures: np.ndarray) -> Image.Image:
    """Square pictures side by side in the middle of a 16:9 one, whose background goes on to its edges."""
    side = WIDTH // len(pictures)
    sheet = Image.new("RGB", (WIDTH, HEIGHT), tuple(pictures[0][0, 0]))
    for k, picture in enumerate(pictures):
        sheet.paste(
            Image.fromarray(picture), (k * side + (side - picture.shape[1]) // 2, (HEIGHT - picture.shape[0]) // 2)
        )
    return sheet


def icon(picture: np.ndarray) -> Image.Image:
    """A square picture with round corners, transparent outside them."""
    image = Image.fromarray(picture).convert("RGBA")
    mask = Image.new("L", image.size, 0)
    ImageDraw.Draw(mask).rounded_rectangle((0, 0, *(side - 1 for side in image.size)), ICON_CORNER * ICON_SCALE, 255)
    image.putalpha(mask)
    return image.resize((ICON, ICON), Image.Resampling.LANCZOS)


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    with Stage() as stage, Renderer("cycles", RENDER_SAMPLES) as renderer:

        def view(task: Task, pixels: int) -> np.ndarray:
            return read_png(renderer.room_view(stage, task, lay_out(stage, task), pixels))

        icon(view(task_from_json(ICON_TASK, "icon"), ICON * ICON_SCALE)).save(FOLDER / "icon.png")
        rooms = beside(*(view(read_task(path), WIDTH // 2) for path in (BEDROOM, STUDIO)))
        rooms.save(FOLDER / "featured.webp", quality=QUALITY)


if __name__ == "__main__":
    main()
