"""An episode with servers as they are: every kind of refusal and answer gives a layout, or a sentence on what to do."""

from __future__ import annotations

import json

import pytest

pytest.importorskip("bpy")

from metaspatial_addon.blender.physics.stage import Stage
from metaspatial_addon.episode.env import LayoutEnv
from metaspatial_addon.episode.play import prompt_format_of
from metaspatial_addon.episode.records import turn_record
from metaspatial_addon.episode.turn import Outcome
from metaspatial_addon.policy.endpoint.policy import EndpointPolicy
from tests.episode.scripted import CLEAN, TASK, Painter, run
from tests.policy.servers import chat, send

LIST = CLEAN.removeprefix("<answer>").removesuffix("</answer>")
PLACEMENTS = json.loads(LIST)
AS_TEXT = json.dumps([{**p, "x": f"{p['x']} m", "yaw": f"{p['yaw']}°"} for p in PLACEMENTS])


def refusal(words: str):
    return send(400, {"error": {"message": words}})


GOOD = {
    "as it was asked for": [chat(CLEAN)],
    "an unclosed thought": [chat(f"<think>The bed goes by the wall.\n{LIST}")],
    "a thought and a fence": [chat(f"<think>so</think>\n\n```json\n{LIST}\n```")],
    "units": [chat(f"<answer>{AS_TEXT}</answer>")],
    "an answer within the reasoning": [send(200, {"choices": [{"message": {"content": "", "reasoning": LIST}}]})],
    "no temperature": [refusal("temperature is not supported with this model"), chat(CLEAN)],
    "no seed": [refusal("Unrecognized request argument supplied: seed"), chat(CLEAN)],
    "no pictures": [refusal("This model does not support image input"), chat(CLEAN)],
    "one picture": [refusal("At most 1 image(s) may be provided in one prompt."), chat(CLEAN)],
    "no system role": [refusal("System role not supported"), chat(CLEAN)],
    "busy": [send(429, "slow down", Retry_After="0.1"), chat(CLEAN)],
}
FAILED = {
    "thought until its tokens were gone": (
        [chat(None, finish_reason="length")],
        "used up its 4096 tokens by thinking, before it answered. Allow more in the preferences (Most Tokens)",
    ),
    "refused": (
        [send(200, {"choices": [{"message": {"content": None, "refusal": "I must not."}}]})],
        'm refused to answer: "I must not."',
    ),
}


@pytest.fixture
def stage():
    with Stage() as stage:
        yield stage


class PngPainter(Painter):
    """Draws pictures that can be joined."""

    def __init__(self, png):
        super().__init__()
        self._png = png

    def _take(self, kind, stage, layout):
        return self._png


def played(stage, png, start, steps) -> Outcome:
    policy = EndpointPolicy(start(*steps).url, "m", timeout=10)
    env = LayoutEnv(stage, PngPainter(png(1)), prompt_format_of(policy), max_turns=1)
    return run(env, policy, temperature=0.5)


@pytest.mark.parametrize("name", GOOD)
def test_a_server_gives_a_layout(stage, png, start, name):
    outcome = played(stage, png, start, GOOD[name])
    assert outcome.best is not None and set(outcome.best.layout.poses) == {"bed_1", "desk_1", "lamp_1"}
    assert len(outcome.turns[0].notes) == (len(GOOD[name]) > 1 and name != "busy")


@pytest.mark.parametrize("name", FAILED)
def test_a_server_gives_none_and_the_turn_says_why(stage, png, start, name):
    steps, sentence = FAILED[name]
    outcome = played(stage, png, start, steps)
    assert outcome.best is None and not outcome.failure
    (turn,) = outcome.turns
    assert turn.status == "model_fault" and sentence in turn.notes[0]
    assert turn_record(turn, TASK, 0, {b"x": "x"} | {png(1): "y"}, {})["notes"] == list(turn.notes)
