"""The typed client of an OpenEnv server of this environment. It needs openenv, and neither bpy nor torch.

async with LayoutClient("http://localhost:8000") as env:
    result = await env.reset(split="train", index=7)
    while not result.done:
        result = await env.step(LayoutAction(answer=model(result.observation.messages)))
"""

from __future__ import annotations

from typing import Any

from openenv.core.client_types import StepResult
from openenv.core.env_client import EnvClient

from .openenv_models import LayoutAction, LayoutObservation, LayoutState

TURN_SECONDS = 600.0
"""What a turn may take by default: others may stand in line before it."""


class LayoutClient(EnvClient[LayoutAction, LayoutObservation, LayoutState]):
    """One session of a server. `LayoutClient(url).sync()` is used without asyncio."""

    def __init__(self, base_url: str, message_timeout_s: float = TURN_SECONDS, **options: Any):
        super().__init__(base_url, message_timeout_s=message_timeout_s, **options)

    def _step_payload(self, action: LayoutAction) -> dict[str, Any]:
        return action.model_dump()

    def _parse_result(self, payload: dict[str, Any]) -> StepResult[LayoutObservation]:
        reward, done = payload.get("reward"), bool(payload.get("done"))
        observation = LayoutObservation(**payload["observation"], reward=reward, done=done)
        return StepResult(observation, reward, done)

    def _parse_state(self, payload: dict[str, Any]) -> LayoutState:
        return LayoutState(**payload)
