"""What an artist made of a layout: kept it, corrected it, or threw it away.

The add-on writes it down where the artist asked for that, and training learns from it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .reading import FieldReader
from .task import Layout, Task, layout_from_json, layout_to_json, task_from_json, task_to_json

FEEDBACK_SCHEMA = "metaspatial.feedback/1"
MOST_REJECTED = 64


@dataclass(frozen=True)
class Feedback:
    """A task, the layout in which the artist left it, None where it was thrown away, and layouts of the task that the
    artist had and did not keep, at least one where there is no other."""

    task: Task
    layout: Layout | None
    rejected: tuple[Layout, ...] = ()


def feedback_to_json(feedback: Feedback) -> dict[str, Any]:
    """The `metaspatial.feedback/1` object."""
    return {
        "schema": FEEDBACK_SCHEMA,
        "task": task_to_json(feedback.task),
        "layout": None if feedback.layout is None else layout_to_json(feedback.layout),
        "rejected": [layout_to_json(layout) for layout in feedback.rejected],
    }


def feedback_from_json(data: Any, source: object = "feedback") -> Feedback:
    """Validated feedback, whose layouts place what the task has to place. Raises InputError."""
    read = FieldReader(source)
    raw = read.object(data, "", ("schema", "task", "layout", "rejected"))
    if raw["schema"] != FEEDBACK_SCHEMA:
        raise read.fail("schema", FEEDBACK_SCHEMA, raw["schema"])
    task = task_from_json(raw["task"], f"{source}: task")
    entries = {f"rejected[{k}]": entry for k, entry in enumerate(read.list(raw["rejected"], "rejected", MOST_REJECTED))}
    if raw["layout"] is not None:
        entries["layout"] = raw["layout"]
    elif not entries:
        raise read.fail("rejected", "at least one layout where layout is null", raw["rejected"])
    layouts = {field: layout_from_json(entry, f"{source}: {field}") for field, entry in entries.items()}
    movable = {item.id for item in task.movable}
    for field, layout in layouts.items():
        if missing := movable - layout.poses.keys():
            raise read.fail(f"{field}.placements", f'a pose of "{min(missing)}"')
    kept = layouts.pop("layout", None)
    return Feedback(task, kept, tuple(layouts.values()))
