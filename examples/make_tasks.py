"""Generate five bathrooms and offices, each with a layout without faults: python examples/make_tasks.py TASKS.jsonl"""

import json
import sys
from pathlib import Path

from headless.taskgen.make import make_task
from metaspatial_addon.core.task import layout_to_json, task_to_json

with Path(sys.argv[1]).open("w", encoding="utf-8") as file:
    for index in range(5):
        task, layout = make_task("train", seed=1, index=index, room_types=("bathroom", "office"))
        print(f"{task.id}: {len(task.items)} items. {task.prompt}")
        file.write(json.dumps({"task": task_to_json(task), "layout": layout_to_json(layout)}) + "\n")
