"""Draw rooms to furnish, each with a layout that is free of faults, one line each.

python headless/tasks.py --count 200 --split test --out tasks.jsonl
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from headless import cli
from headless.taskgen.make import SPLITS, make_task
from metaspatial_addon.core.files import written_beside
from metaspatial_addon.core.furniture import ROOM_TYPES
from metaspatial_addon.core.task import layout_to_json, task_to_json


def main(arguments: list[str]) -> None:
    parser = cli.parser("tasks.py", "Draw rooms to furnish, each with a layout that is free of faults")
    parser.add_argument("--rooms", default=",".join(ROOM_TYPES), help="room types, separated by commas")
    parser.add_argument("--count", type=int, default=100, help="how many tasks")
    parser.add_argument("--seed", type=int, default=1, help="tasks of another seed are others")
    parser.add_argument("--split", choices=SPLITS, default="train", help="no task is in two splits")
    parser.add_argument("--out", required=True, metavar="FILE.jsonl", help='a line: {"task": …, "layout": …}')
    options = parser.parse_args(arguments)
    rooms = tuple(name.strip() for name in options.rooms.split(","))
    unknown = [name for name in rooms if name not in ROOM_TYPES]
    if unknown:
        raise cli.CommandError(f"--rooms: no room type {unknown[0]!r}; there are {', '.join(ROOM_TYPES)}")
    if options.count < 1:
        raise cli.CommandError(f"--count: expected at least 1, got {options.count}")
    target = cli.output_folder(str(Path(options.out).parent)) / Path(options.out).name
    began = reported = time.monotonic()
    with written_beside(target) as part, part.open("w", encoding="utf-8") as lines:
        for index in range(options.count):
            task, layout = make_task(options.split, options.seed, index, rooms)
            pair = {"task": task_to_json(task), "layout": layout_to_json(layout)}
            lines.write(json.dumps(pair, ensure_ascii=False) + "\n")
            if time.monotonic() - reported > 2:
                reported = time.monotonic()
                cli.progress(f"{index + 1}/{options.count} tasks, {(index + 1) / (reported - began):.0f} a second")
    cli.progress(f"{options.count} tasks in {target}")


if __name__ == "__main__":
    cli.run(main)
