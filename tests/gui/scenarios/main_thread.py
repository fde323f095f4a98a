"""How long the artist's window is held up while a layout is made."""

from __future__ import annotations

import json

from tests.gui.session import Bench
from tests.gui.studio import Studio

TICK_99, TICK_LONGEST, HAND_OVER = 0.050, 0.100, 1.0
"""Seconds of our own work at a time: 99th percentile; the longest, Blender's undo step for a turn included; the one
step that writes the scene out."""


def small_room(bench: Bench) -> str:
    return _watch(Studio(bench))


def crowded_room(bench: Bench) -> str:
    """500 objects, 2 million faces."""
    return _watch(Studio(bench, "crowded"))


def many_items(bench: Bench) -> str:
    """120 items at once."""
    return _watch(Studio(bench, "restaurant", **{"scene.prompt": "A restaurant", "scene.turns": 1}))


def _watch(studio: Studio) -> str:
    studio.session.ask("start_timing")
    studio.generate()
    job = studio.finish(480)
    studio.session.picture("after")
    gaps = studio.session.ask("gaps")
    undo = max(studio.session.ask("undo_step") for _ in range(3))
    assert not job["notice"], job["notice"]
    assert studio.turns()
    hand_over, *rest = job["ticks"]
    (studio.session.folder / "ticks.json").write_text(json.dumps({"ticks": job["ticks"], **gaps}))
    figures = (
        f"{len(rest)} ticks: {percentile(rest, 50):.1f} ms median, {percentile(rest, 99):.1f} ms 99th percentile, "
        f"{max(rest) * 1000:.1f} ms longest, where Blender's own undo step takes {undo * 1000:.1f} ms; the hand-over "
        f"{hand_over * 1000:.1f} ms; rounds of the main loop: {percentile(gaps['beats'], 50):.0f} ms median, "
        f"{percentile(gaps['beats'], 99):.0f} ms 99th percentile, {max(gaps['beats']) * 1000:.0f} ms longest"
    )
    assert percentile(rest, 99) <= TICK_99 * 1000, figures
    assert max(rest) <= TICK_LONGEST and hand_over <= HAND_OVER, figures
    return figures


def percentile(seconds: list[float], share: float) -> float:
    """Milliseconds that so many per cent of the values do not exceed."""
    ordered = sorted(seconds)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share / 100))] * 1000
