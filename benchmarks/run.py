"""Measures what the engine promises, each figure as a ratio beside what it is compared with in the same run.

python benchmarks/run.py        prints the tables and writes them to benchmarks/README.md
"""

from __future__ import annotations

import itertools
import os
import sys
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).resolve().parent))

import bpy
import cache
import fresh
import layoutgpt
import memory
import pool
import scoring
import speed
from common import ITEMS, clean_rooms

ROOMS, EPISODES = 6, 2000

EXPLAINED = """# Benchmarks
Written by `make bench` (`python benchmarks/run.py`). Every time is a median, taken in turns with what it is compared
with, so that a busy machine slows both alike. Rooms and layouts come from the task generator and have
{items} items of the furniture library; *clean* layouts are free of faults, in *thrown in* ones every item lies
somewhere, as an untrained model answers: the pairs that cross cost the time that their depth takes to find.

{machine}

{table}

*Scoring* is all of `blender/physics/measure.py`: collisions, bounds, support, 60 frames of rigid body, and access and
relations on top. The *raw calls* (`raw.py`) are what no scorer can do without: a world-space BVH tree for each item,
the overlap of every pair, one ray down from each item, and a rigid-body world with the items' convex hulls, run for
the same frames and steps. *Fresh process* (`fresh.py`) imports bpy and {items} .glb files, places them, measures the
same evidence, takes the same picture and saves, once for each layout. *Memory* (`memory.py`) is what {episodes}
episodes add once every room has been built twice. *Embedded model* and *transformers* (`speed.py`) read the same
prompt of a room with {items} items and write as many tokens greedily with the same weights, one conversation, on one
thread. The embedded model writes the tokens that the answer's grammar leaves no choice about without a step of their
own; reading the prompt counts. *Tasks* are drawn with their known layouts by one process.

The *rollout* (`cache.py`) is the sampling of {flight} episodes of {turns} turns by the embedded model on one thread,
with its small pictures; both ways write the same tokens. The *workers* (`pool.py`) play the {flight} episodes of a
training step, physics and the measured part of the view in each turn, with answers that are ready at once.

## GPT-4's layouts by our scorer
The answers of GPT-4 that LayoutGPT published (`../shared/data/layoutgpt`), as plain boxes: `benchmarks/layoutgpt.py`.

{layouts}
"""


def measured_rows() -> Iterator[tuple[str, str, str]]:
    """What was measured, the bar it is held to, and the figures."""
    rooms = clean_rooms(ROOMS)
    for name, spoilt in (("clean", False), ("thrown in", True)):
        t = scoring.time_scoring(rooms, spoilt)
        yield (
            f"scoring, {name}",
            "<= 1.5 x raw calls, <= 100 ms",
            f"{t.ours / t.raw:.2f} x ({_ms(t.ours)} against {_ms(t.raw)})",
        )
        yield (
            f"scoring and a {scoring.PIXELS} px, {scoring.SAMPLES}-sample Cycles render, {name}",
            "<= 1.3 x raw calls",
            f"{t.ours_rendered / t.raw_rendered:.2f} x ({_ms(t.ours_rendered)} against {_ms(t.raw_rendered)})",
        )
        if not spoilt:
            warm = t
    for name, render, ours, bar in (("", False, warm.ours, 6), (" with the render", True, warm.ours_rendered, 5)):
        other = fresh.time_fresh(rooms[0], render)
        yield (
            f"against a fresh process for every layout{name}",
            f">= {bar} x faster",
            f"{other / ours:.1f} x ({_ms(ours)} against {_ms(other)})",
        )
    growth = memory.grow(rooms, EPISODES)
    yield (
        f"{EPISODES:,} episodes in one process",
        "< 50 MB more, 0 data-blocks more",
        f"{growth.megabytes:.1f} MB, {growth.blocks} data-blocks ({growth.left_over} left after closing)",
    )


def speed_rows() -> Iterator[tuple[str, str, str]]:
    rates = speed.time_model(ITEMS)
    beside = "transformers is not installed here"
    if rates.reference is not None:
        beside = f"{rates.ours / rates.reference:.1f} x the {rates.reference:.0f} of transformers"
    yield (
        f"embedded model, an answer of {rates.tokens} tokens",
        ">= 100 tokens/s",
        f"{rates.ours:.0f} tokens/s ({beside})",
    )
    yield "tasks drawn by tasks.py", ">= 50 tasks/s", f"{speed.time_tasks():.0f} tasks/s"


def training_rows() -> Iterator[tuple[str, str, str]]:
    sampled = cache.time_cache()
    yield (
        f"a {cache.TURNS}-turn rollout with the cache kept",
        ">= 1.5 x faster than reading again",
        f"{sampled.again / sampled.kept:.2f} x ({sampled.kept:.2f} s against {sampled.again:.2f} s)",
    )
    flown = pool.time_pool()
    yield (
        "environments: two workers against one",
        ">= 1.8 x the turns/s",
        f"{flown.ratio:.2f} x ({flown.turns / flown.two[0]:.1f} turns/s against {flown.turns / flown.one[0]:.1f})",
    )


def layoutgpt_rows() -> Iterator[tuple[str, str, str, str, str]]:
    for name in layoutgpt.FILES:
        s = layoutgpt.score_file(name)
        yield (
            f"{name}: {s.scenes} scenes",
            f"{s.items:,}",
            f"{s.colliding:.1%}",
            f"{s.outside:.1%}",
            f"{s.free_of_both:.1%}",
        )


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms"


def _table(head: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _machine() -> str:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    model = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), "unknown model")
    load = os.getloadavg()[0]
    return f"{os.cpu_count()} cores ({model}), Blender {bpy.app.version_string}; load before the run {load:.1f}."


def main() -> None:
    """Blender writes to the standard output as it pleases: it gets another one."""
    shown = os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    machine = _machine()
    table = _table(("what", "bar", "measured"), itertools.chain(measured_rows(), speed_rows(), training_rows()))
    print(machine, table, sep="\n\n", file=shown, flush=True)
    layouts = "Not measured: the data was not there."
    if layoutgpt.available():
        head = ("layouts", "items", "items colliding", "items outside", "scenes free of both")
        layouts = _table(head, layoutgpt_rows())
        print("", layouts, sep="\n", file=shown, flush=True)
    text = EXPLAINED.format(
        items=ITEMS,
        episodes=f"{EPISODES:,}",
        flight=cache.TASKS * cache.GROUP,
        turns=cache.TURNS,
        machine=machine,
        table=table,
        layouts=layouts,
    )
    Path(__file__).with_name("README.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
