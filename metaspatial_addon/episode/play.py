"""Plays an episode with a policy: the loop of the button and the commands, and what a policy is asked with.

`play` asks the policy turn by turn and reports each phase, so that its caller can show progress and cancel between
phases by closing it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import takewhile
from typing import TYPE_CHECKING, Literal

from ..core.conversation import Conversation
from ..core.task import Layout, Task
from ..policy.base import OnProgress, Policy, PolicyError
from ..prompts.compact import CompactFormat
from ..prompts.full import FullFormat, PromptFormat
from ..scoring.score import Score
from .env import LayoutEnv
from .repair import effort
from .scorer import InfraFault
from .turn import AFRESH, Candidate, Outcome, Turn

if TYPE_CHECKING:
    import bpy

RENDER_PIXELS = 512
"""Width and height of the renders that a policy is shown outside training."""


@dataclass(frozen=True)
class PhaseStarted:
    """An event of `play`: a phase of turn `turn`, of at most `max_turns`, begins."""

    turn: int
    max_turns: int
    phase: Literal["model", "physics", "render"]


def play(
    env: LayoutEnv,
    policy: Policy,
    task: Task,
    seed: int = 0,
    samples: int = 1,
    temperature: float | None = None,
    meshes: Mapping[str, bpy.types.Mesh] | None = None,
    start: Layout | None = None,
    minimal: bool = False,
    on_progress: OnProgress | None = None,
    tidy: bool = True,
) -> Iterator[PhaseStarted | Turn | Outcome]:
    """Play an episode: yield `PhaseStarted` before each phase, a `Turn` after each turn, the `Outcome` at the end.

    Every turn asks for `samples` answers; physics scores them all, and the best is rendered and committed. From the
    second turn on every other one of several answers is given afresh, as if nothing had been placed. A failure
    of the policy (which has made its own retries) or an InfraFault makes a last turn without a score. To cancel,
    close the iterator. Raises InputError as `LayoutEnv.reset` does.

    With `start` the policy repairs an existing layout; with `minimal` it moves only items that have a fault there,
    and of nearly equal answers the one that moves least is taken. With `tidy` the answer that is taken is tidied.

    `on_progress` is handed to the policy, and called after each answer that physics has scored.
    """
    if samples < 1:
        raise ValueError(f"samples: expected at least 1, got {samples}")

    def rank(candidate: Candidate) -> tuple[bool, float]:
        reward, layout = candidate.score.reward or 0.0, candidate.answer.layout
        cost = effort(task, start, layout) if minimal and start is not None and layout is not None else 0.0
        return candidate.score.status == "ok", reward - cost

    number = 1
    try:
        if env.show_images and env.scorer.renderer is not None:
            yield PhaseStarted(number, env.max_turns, "render")
        elif start is not None:
            yield PhaseStarted(number, env.max_turns, "physics")
        env.reset(task, seed, meshes, start, minimal)
        while not env.done:
            number = len(env.turns) + 1
            yield PhaseStarted(number, env.max_turns, "model")
            seeds = [sample_seed(task.id, seed, number, k) for k in range(samples)]
            with env.timed("model"):
                asked = _asked(env.conversation, samples, afresh=start is None)
                replies = policy.answer(asked, seeds, temperature, on_progress)
            yield PhaseStarted(number, env.max_turns, "physics")
            candidates = []
            for reply, s in zip(replies, seeds, strict=True):
                candidates.append(env.evaluate(reply.text, s))
                if on_progress is not None:
                    on_progress()
            best = max(candidates, key=rank)
            afresh = len(asked[candidates.index(best)]) < len(env.conversation)
            if tidy:
                best = env.tidy(best)
            if env.scorer.renderer is not None and best.answer.layout is not None:
                yield PhaseStarted(number, env.max_turns, "render")
            notes = dict.fromkeys(note for reply in replies for note in reply.notes)
            env.commit(best, tuple(candidates), (*notes, AFRESH) if afresh else tuple(notes))
            yield env.turns[-1]
    except (PolicyError, InfraFault) as error:
        score = Score.infra(task)
        failed = Turn(number, "infra_fault", score, env.conversation, timings=env.timings, failure=str(error))
        yield failed
        yield Outcome((*env.turns, failed), env.best, str(error), env.start_score)
        return
    yield Outcome(tuple(env.turns), env.best, start_score=env.start_score)


def _asked(conversation: Conversation, samples: int, afresh: bool) -> list[Conversation]:
    """What each of the samples answers. With `afresh` every other one answers the task without what came after it:
    where a layout is wrong as a whole, no edit mends it."""
    task = tuple(takewhile(lambda message: message.role != "assistant", conversation))
    return [task if afresh and k % 2 else conversation for k in range(samples)]


def reads_renders(policy: Policy) -> bool:
    """Whether a policy is shown renders: others see nothing, or plans that their prompt format draws itself."""
    return policy.sees_images and policy.prompt_format == "full"


def prompt_format_of(policy: Policy) -> PromptFormat:
    """The prompt format that a policy reads, outside training: answers in other forms are read as well."""
    return CompactFormat() if policy.prompt_format == "compact" else FullFormat(lenient=True)


def sample_seed(task: str, seed: int, turn: int, sample: int) -> int:
    """The policy's seed (31 bits) for one sample: no two of a run are the same but by chance."""
    digest = hashlib.blake2b(f"{task}\n{seed}\n{turn}\n{sample}".encode(errors="backslashreplace"), digest_size=4)
    return int.from_bytes(digest.digest(), "big") >> 1
