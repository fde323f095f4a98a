"""The planner as a policy: answers in the form of a model, from the task that a conversation is about."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Literal

from ...core.conversation import Conversation
from ...core.task import pose_to_json
from ..base import OnProgress, PolicyError, Reply
from .plan import plan


class PlannerPolicy:
    """Plans each layout anew in the first turn, by the sample's seed, and keeps it in later ones."""

    name = "planner"
    prompt_format: Literal["full", "compact"] = "full"
    sees_images = False

    def answer(
        self,
        conversations: Sequence[Conversation],
        seeds: Sequence[int],
        temperature: float | None = None,
        on_progress: OnProgress | None = None,
    ) -> list[Reply]:
        """As `Policy.answer`. At temperature 0 every seed gives the same plan. Raises PolicyError."""
        replies = []
        for conversation, seed in zip(conversations, seeds, strict=True):
            if on_progress is not None:
                on_progress()
            task = next((message.task for message in reversed(conversation) if message.task is not None), None)
            if task is None:
                raise PolicyError("The planner was asked about no task: it works in episodes alone.")
            if conversation[-1].layout is not None:
                replies.append(Reply("<answer>[]</answer>"))
                continue
            layout = plan(task, seed, vary=temperature != 0.0).layout
            placements = [{"id": item_id, **pose_to_json(pose)} for item_id, pose in layout.poses.items()]
            replies.append(Reply(f"<answer>{json.dumps(placements)}</answer>"))
        return replies
