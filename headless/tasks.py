"""Draw rooms to furnish, each with a layout, one line each.

python headless/tasks.py --count 200 --split test --out tasks.jsonl
"""

from __future__ import annotations

import json
import multiprocessing
import os
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from headless import cli, option_types
from headless.taskgen.make import SPLITS, make_task
from headless.taskgen.wide import make_wide_task
from metaspatial_addon.core.files import written_beside
from metaspatial_addon.core.furniture import ROOM_TYPES
from metaspatial_addon.core.task import Layout, Task, layout_to_json, task_to_json

CHUNK = 8
"""Tasks that a worker makes at once."""


def main(arguments: list[str]) -> None:
    parser = cli.parser("tasks.py", "Draw rooms to furnish, each with a layout")
    parser.add_argument(
        "--generator",
        choices=("typical", "wide"),
        default="typical",
        help="typical: rooms of eight types with pieces of the library, laid out by rules, free of faults; "
        "wide: any shape, size, list and number of items, laid out by the planner",
    )
    parser.add_argument("--rooms", default=",".join(ROOM_TYPES), help="room types of typical rooms, by commas")
    parser.add_argument(
        "--coarse", action="store_true", help="wide rooms and sizes in steps of 5 cm, for pretrain.py to learn from"
    )
    parser.add_argument("--workers", type=option_types.positive, default=1, help="processes that draw")
    parser.add_argument("--count", type=option_types.positive, default=100, help="how many tasks")
    parser.add_argument("--seed", type=option_types.not_negative, default=1, help="tasks of another seed are others")
    parser.add_argument("--split", choices=SPLITS, default="train", help="no task is in two splits")
    parser.add_argument("--out", required=True, metavar="FILE.jsonl", help='a line: {"task": …, "layout": …}')
    options = parser.parse_args(arguments)
    rooms = tuple(name.strip() for name in options.rooms.split(","))
    unknown = [name for name in rooms if name not in ROOM_TYPES]
    if unknown:
        raise cli.CommandError(f"--rooms: no room type {unknown[0]!r}; there are {', '.join(ROOM_TYPES)}")
    if options.coarse and options.generator != "wide":
        raise cli.CommandError("--coarse: expected --generator wide")
    make: Callable[[int], tuple[Task, Layout]] = (
        partial(make_wide_task, options.split, options.seed, coarse=options.coarse)
        if options.generator == "wide"
        else partial(_typical, options.split, options.seed, rooms)
    )
    target = cli.output_folder(str(Path(options.out).parent)) / Path(options.out).name
    began = reported = time.monotonic()
    with written_beside(target) as part, part.open("w", encoding="utf-8") as lines:
        for number, line in enumerate(_lines(make, options.count, options.workers), 1):
            lines.write(line)
            if time.monotonic() - reported > 2:
                reported = time.monotonic()
                cli.progress(f"{number}/{options.count} tasks, {number / (reported - began):.0f} a second")
    cli.progress(f"{options.count} tasks in {target}")


def _typical(split: str, seed: int, rooms: tuple[str, ...], index: int) -> tuple[Task, Layout]:
    return make_task(split, seed, index, rooms)


def _lines(make: Callable[[int], tuple[Task, Layout]], count: int, workers: int) -> Iterator[str]:
    """The lines of the file, in order."""
    line = partial(_line, make)
    if workers == 1:
        yield from map(line, range(count))
        return
    os.environ["OMP_NUM_THREADS"] = "1"  # one thread a worker
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        yield from pool.imap(line, range(count), CHUNK)


def _line(make: Callable[[int], tuple[Task, Layout]], index: int) -> str:
    task, layout = make(index)
    return json.dumps({"task": task_to_json(task), "layout": layout_to_json(layout)}, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    cli.run(main)
