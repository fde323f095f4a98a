"""Measures the project's figures, each as a ratio to what it is compared with in the same run.

python -m benchmarks.run        prints the tables and writes them to benchmarks/README.md
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from pathlib import Path

import bpy

from benchmarks import cache, fresh, layoutgpt, memory, pool, scoring, speed
from benchmarks.common import ITEMS, furnished_rooms

ROOMS, EPISODES = 6, 2000

EXPLAINED = """# Benchmarks
Written by `make bench` (`python -m benchmarks.run`). Every time is a median. Runs alternate with those of what they
are compared with, so that a busy machine slows both alike. Rooms and layouts come from the task generator and have
{items} items of the furniture library. *Clean* layouts have no faults; in *thrown in* ones every item is at random
somewhere in the room, as an untrained model answers, and finding the depth of overlaps costs time.

{machine}

{table}

*Scoring* is all of `blender/physics/measure.py`: collisions, bounds, support, 60 frames of rigid body, and access and
relations on top. The *raw calls* (`raw.py`) are those that every scorer needs: a world-space BVH tree for each item,
the overlap of every pair, one ray down from each item, and a rigid-body world with the items' convex hulls, simulated
for the same frames and steps. The *fresh process* (`fresh.py`) imports bpy and {items} .glb files, places them,
measures the same evidence, renders the same image and saves, once for each layout. The *episodes* (`memory.py`) count
what they add after every room has been built twice. The *embedded model* and *transformers* (`speed.py`) read the
same prompt of a room with {items} items and generate as many tokens greedily with the same weights, one conversation,
on one thread; the time includes the prompt. The embedded model needs no step of its own for tokens that the answer's
grammar determines. *Tasks* are generated with their layouts by one process.

The *rollout* (`cache.py`) is the sampling of {batch} episodes of {turns} turns by the embedded model on one thread,
with its small images; both ways generate the same tokens. The *workers* (`pool.py`) play the {batch} episodes of a
training step, with physics and the measured part of the view in each turn and answers that are ready at once.

## GPT-4's layouts by our scorer
The answers of GPT-4 that LayoutGPT published (`../shared/data/layoutgpt`), as plain boxes: `benchmarks/layoutgpt.py`.

{layouts}
"""


def scoring_rows() -> Iterator[tuple[str, str, str]]:
    """Of scoring: what is measured, its bar, and the figures."""
    rooms = furnished_rooms(ROOMS)
    for name, random in (("clean", False), ("thrown in", True)):
        t = scoring.time_scoring(rooms, random)
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
        if not random:
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
    played = pool.time_pool()
    yield (
        "environments: two workers against one",
        ">= 1.8 x the turns/s",
        f"{played.ratio:.2f} x ({played.turns / played.two.seconds:.1f} turns/s against "
        f"{played.turns / played.one.seconds:.1f})",
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


def machine() -> str:
    """The machine, in a line."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    model = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), "unknown model")
    load = os.getloadavg()[0]
    return f"{os.cpu_count()} cores ({model}), Blender {bpy.app.version_string}; load before the run {load:.1f}."


def main() -> None:
    """Print the tables and write README.md. What Blender prints to the standard output is discarded."""
    output = os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    on_machine = machine()
    table = _table(("what", "bar", "measured"), itertools.chain(scoring_rows(), speed_rows(), training_rows()))
    print(on_machine, table, sep="\n\n", file=output, flush=True)
    layouts = "Not measured: the data was not there."
    if layoutgpt.available():
        head = ("layouts", "items", "items colliding", "items outside", "scenes free of both")
        layouts = _table(head, layoutgpt_rows())
        print("", layouts, sep="\n", file=output, flush=True)
    text = EXPLAINED.format(
        items=ITEMS,
        episodes=f"{EPISODES:,}",
        batch=cache.TASKS * cache.GROUP,
        turns=cache.TURNS,
        machine=on_machine,
        table=table,
        layouts=layouts,
    )
    Path(__file__).with_name("README.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
