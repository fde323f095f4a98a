"""Artists' feedback: what is written is read again, and what is wrong is named."""

from __future__ import annotations

import json

import pytest

from metaspatial_addon.core.errors import InputError
from metaspatial_addon.core.feedback import Feedback, feedback_from_json, feedback_to_json
from metaspatial_addon.core.task import Item, Layout, Pose, Room, Task

TASK = Task(
    "study",
    "a study",
    Room("office", ((0, 0), (4, 0), (4, 3), (0, 3)), 2.6),
    (Item("desk_1", "desk", (1.4, 0.7, 0.75)), Item("chair_1", "office_chair", (0.6, 0.6, 1.0))),
)
KEPT = Layout("study", {"desk_1": Pose(2, 0.4, 0, 0), "chair_1": Pose(2, 1.2, 0, 180)})
REJECTED = Layout("study", {"desk_1": Pose(2, 1.5, 0, 0), "chair_1": Pose(2, 1.2, 0, 180)})


@pytest.mark.parametrize(
    "feedback", [Feedback(TASK, KEPT), Feedback(TASK, KEPT, (REJECTED, KEPT)), Feedback(TASK, None, (REJECTED,))]
)
def test_written_feedback_is_read_again(feedback):
    assert feedback_from_json(json.loads(json.dumps(feedback_to_json(feedback)))) == feedback


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schema": "metaspatial.layout/1"}, "schema: expected metaspatial.feedback/1"),
        ({"layout": None}, "rejected: expected at least one layout where layout is null"),
        ({"layout": {"schema": "metaspatial.layout/1", "task": "study", "placements": []}}, '"chair_1"'),
        ({"rejected": [3]}, r"rejected\[0\]: expected an object"),
        ({"rejected": [None] * 65}, "rejected: expected at most 64"),
        ({"task": {}}, "task: "),
        ({"note": "mine"}, "note"),
    ],
)
def test_wrong_feedback_is_named(change, message):
    with pytest.raises(InputError, match=message):
        feedback_from_json(feedback_to_json(Feedback(TASK, KEPT)) | change, "f.jsonl, line 1")
