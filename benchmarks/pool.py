"""Turns a second of two environment workers against one on the same episodes.

Run alone by `python -m benchmarks.pool`. A batch has the episodes of a training step of `tiny.toml`, 4 tasks x 8
episodes with physics and the measured part of the view in each turn; answers are ready at once. Batches of one worker
and of two alternate, and the medians are compared. Two workers need two idle cores. *Busy* is the share of the time
in which workers worked, *processor* the processor time of their processes for a batch: these two show what the pool
itself costs where the cores are not idle.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from benchmarks.common import furnished_rooms, random_layout
from headless.rl.envs.base import Environments, EpisodeSettings
from headless.rl.envs.pool import Pool
from headless.rl.envs.pool_worker import WorkerConfig
from headless.rl.envs.process import ProcessWorker
from metaspatial_addon.core.task import Task
from metaspatial_addon.prompts.compact import CompactEncoding

TASKS, GROUP, TURNS = 4, 8, 2


def answer_texts(task: Task, member: int) -> list[str]:
    """The answers of one episode: every item at random, anew in each turn."""
    return [
        CompactEncoding(task).answer_text(dict(random_layout(task, 100 * turn + member).poses)) for turn in range(TURNS)
    ]


def play_batch(environments: Environments, tasks: list[Task], answers: list[list[str]]) -> tuple[int, float]:
    """Play all episodes: their number of turns, and the seconds in which environments worked."""
    for episode in range(len(answers)):
        environments.begin(episode, tasks[episode // GROUP], EpisodeSettings(TURNS))
    turns, running, worked = [0] * len(answers), len(answers), 0.0
    while running:
        for episode, result in environments.collect():
            assert not result.fault, result.fault
            worked += sum(result.seconds.values())
            if result.done:
                running -= 1
            else:
                environments.answer(episode, answers[episode][turns[episode]])
                turns[episode] += 1
    environments.forget()
    return sum(turns), worked


def processor_seconds(pids: list[int]) -> float:
    """Processor time that these processes have used so far."""
    fields = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in pids]
    return sum(int(field[11]) + int(field[12]) for field in fields) / os.sysconf("SC_CLK_TCK")


class Batch(NamedTuple):
    """Wall time of a batch in seconds, the share of it in which workers worked, and their processor time in seconds."""

    seconds: float
    busy: float
    processor: float


@dataclass(frozen=True)
class Times:
    """Medians over batches of `turns` turns with one worker and with two."""

    turns: int
    one: Batch
    two: Batch

    @property
    def ratio(self) -> float:
        """How many times as fast two workers are."""
        return self.one.seconds / self.two.seconds


def time_pool(rounds: int = 5) -> Times:
    """Medians over `rounds` batches each."""
    tasks = [task for task, _ in furnished_rooms(TASKS)]
    answers = [answer_texts(task, member) for task in tasks for member in range(GROUP)]
    with tempfile.TemporaryDirectory() as logs:
        started: list[int] = []

        def start(number: int) -> ProcessWorker:
            worker = ProcessWorker(WorkerConfig("compact"), Path(logs, f"{len(started)}.log"))
            started.append(worker.pid)
            return worker

        with Pool(start, 1) as one, Pool(start, 2) as two:
            pools = ((one, started[:1]), (two, started[1:]))
            turns = [play_batch(pool, tasks, answers)[0] for pool, _ in pools]  # untimed: rooms are built once
            assert turns[0] == turns[1], turns
            rows: tuple[list[Batch], list[Batch]] = ([], [])
            for _ in range(rounds):
                for row, (pool, pids) in zip(rows, pools, strict=True):
                    before, began = processor_seconds(pids), time.perf_counter()
                    _, worked = play_batch(pool, tasks, answers)
                    elapsed = time.perf_counter() - began
                    row.append(Batch(elapsed, worked / elapsed / len(pids), processor_seconds(pids) - before))
    medians = [Batch(*(statistics.median(column) for column in zip(*row, strict=True))) for row in rows]
    return Times(turns[0], *medians)


if __name__ == "__main__":
    times = time_pool()
    for name, batch in (("one worker", times.one), ("two workers", times.two)):
        rate = f"{times.turns / batch.seconds:.1f} turns/s ({batch.seconds:.1f} s each)"
        print(f"{name}: {rate}, busy {batch.busy:.0%}, processor {batch.processor:.1f} s")
    print(f"two workers against one: {times.ratio:.2f} x")
    os._exit(0)  # bpy's own clean-up may crash or never end
