"""What torchrun starts in the tests of several processes: a few steps of a small pretrained model, paid for letters.

python spread.py MODEL FOLDER STEPS [shard]     goes on from the last checkpoint in FOLDER
"""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

import torch
from torch.distributed.tensor import DTensor

from headless.rl import checkpoint
from headless.rl.config import LearnerConfig, LoraConfig, RolloutConfig, TrainConfig
from headless.rl.envs.base import StepResult
from headless.rl.losses import LossConfig
from headless.rl.policies.chat import ChatPolicy
from headless.rl.run import open_accelerator
from headless.rl.training_step import Trainer, train_step
from metaspatial_addon.core.conversation import Message
from metaspatial_addon.core.evidence import Evidence
from metaspatial_addon.scoring.score import Score


class Letters:
    """Pays the share of an answer's characters that are letters, and asks for more.

    The first episode of every other task fails, so that the processes have unequal shares to learn from.
    """

    asynchronous = False

    def __init__(self) -> None:
        self._turns: dict[int, int] = {}
        self._failed: set[str] = set()
        self._told: list[tuple[int, StepResult]] = []

    def begin(self, episode, task, settings) -> None:
        self._turns[episode] = settings.turns
        if int(task.id[-1]) % 2 == 0 and task.id not in self._failed:
            self._failed.add(task.id)
            self._told.append((episode, StepResult(done=True, fault="as planned")))
            return
        self._told.append((episode, StepResult((Message("system", "Write."), Message("user", f"A {task.room.type}.")))))

    def answer(self, episode, text) -> None:
        self._turns[episode] -= 1
        share = sum(letter.isascii() and letter.isalpha() for letter in text) / max(len(text), 1)
        score = Score("paper", "model_fault", share, {"format": share}, Evidence(), {})
        self._told.append((episode, StepResult((Message("user", "More."),), score, self._turns[episode] == 0)))

    def collect(self):
        told, self._told = self._told, []
        return told

    def forget(self, below=math.inf) -> None:
        self._turns = {number: turns for number, turns in self._turns.items() if number >= below}


def main(model: str, folder: Path, steps: int, shard: bool) -> None:
    config = TrainConfig(
        model,
        "full",
        steps=steps,
        rollout=RolloutConfig(tasks_per_step=2, num_generations=5, turns=2, pictures=False, max_completion_tokens=16),
        loss=LossConfig("dapo", beta=0.05),
        lora=LoraConfig(rank=4, gradient_checkpointing=True),
        learner=LearnerConfig(1e-2, warmup_steps=1, num_iterations=2, microbatch_tokens=1, fsdp=shard),
    )
    accelerator = open_accelerator(config)
    torch.manual_seed(config.seed)
    policy, earlier = ChatPolicy(model, config.lora), checkpoint.checkpoints(folder)
    done = checkpoint.TrainingProgress()
    if earlier:
        policy.load(earlier[-1])
        done = checkpoint.read_progress(earlier[-1])
    trainer = Trainer(config, policy, Letters(), accelerator, done.drawn)
    assert all(isinstance(weights, DTensor) is shard for weights in trainer.module.parameters())
    if earlier:
        checkpoint.load_optimiser(earlier[-1], trainer)
    figures = [train_step(trainer, number) for number in range(done.step, steps)]
    checkpoint.save(folder, trainer, checkpoint.TrainingProgress(steps, trainer.drawn))
    if accelerator.is_main_process:
        (folder / f"figures-{steps}.json").write_text(json.dumps(figures))
    trainer.close()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4:] == ["shard"])
