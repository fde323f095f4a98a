"""Environment workers: turns a second of two against one, on the same episodes. `python benchmarks/pool.py`.

A flight is that of a training step of `tiny.toml`: 4 tasks x 8 episodes, physics and the measured part of the view in
each turn; the answers are ready at once. Flights of one and of two workers take turns, and the medians are compared.
Two workers need two cores that have nothing else to do. *Busy* is the share of their time in which workers worked, and
*processor* what their processes took for a flight: these tell what the pool costs where the cores are not free.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from common import clean_rooms, thrown_in

from headless.rl.envs.base import Environments, EpisodeSettings
from headless.rl.envs.pool import Pool
from headless.rl.envs.pool_worker import WorkerConfig
from headless.rl.envs.process import ProcessWorker
from metaspatial_addon.core.task import Task
from metaspatial_addon.prompts.compact import CompactEncoding

TASKS, GROUP, TURNS = 4, 8, 2


def texts(task: Task, member: int) -> list[str]:
    """An answer with every item somewhere, and one that moves them all again."""
    return [CompactEncoding(task).answer_text(thrown_in(task, 100 * turn + member).poses) for turn in range(TURNS)]


def fly(environments: Environments, tasks: list[Task], answers: list[list[str]]) -> tuple[int, float]:
    """Play all episodes; how many turns they had, and the seconds that environments worked."""
    for episode in range(len(answers)):
        environments.begin(episode, tasks[episode // GROUP], EpisodeSettings(TURNS))
    turns, living, worked = [0] * len(answers), len(answers), 0.0
    while living:
        for episode, told in environments.collect():
            assert not told.fault, told.fault
            worked += sum(told.seconds.values())
            if told.done:
                living -= 1
            else:
                environments.answer(episode, answers[episode][turns[episode]])
                turns[episode] += 1
    environments.forget()
    return sum(turns), worked


def processor_seconds(pids: list[int]) -> float:
    """What these processes have taken of the processor so far."""
    fields = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in pids]
    return sum(int(field[11]) + int(field[12]) for field in fields) / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Times:
    """Of a flight, with one worker and with two: its seconds, the share of them in which workers worked, and the
    seconds of the processor that they took. `turns` are those of a flight."""

    turns: int
    one: tuple[float, float, float]
    two: tuple[float, float, float]

    @property
    def ratio(self) -> float:
        return self.one[0] / self.two[0]


def time_pool(rounds: int = 5) -> Times:
    """Medians over `rounds` flights each, in turns."""
    tasks = [task for task, _ in clean_rooms(TASKS)]
    answers = [texts(task, member) for task in tasks for member in range(GROUP)]
    with tempfile.TemporaryDirectory() as logs:
        started: list[int] = []

        def start(number: int) -> ProcessWorker:
            worker = ProcessWorker(WorkerConfig("compact"), Path(logs, f"{len(started)}.log"))
            started.append(worker.pid)
            return worker

        with Pool(start, 1) as one, Pool(start, 2) as two:
            pools = ((one, started[:1]), (two, started[1:]))
            turns = {fly(pool, tasks, answers)[0] for pool, _ in pools}  # rooms are read once
            assert len(turns) == 1, turns
            rows: tuple[list[tuple[float, float, float]], ...] = ([], [])
            for _ in range(rounds):
                for row, (pool, pids) in zip(rows, pools, strict=True):
                    before, began = processor_seconds(pids), time.perf_counter()
                    _, worked = fly(pool, tasks, answers)
                    taken = time.perf_counter() - began
                    row.append((taken, worked / taken / len(pids), processor_seconds(pids) - before))
    medians = [tuple(statistics.median(column) for column in zip(*row, strict=True)) for row in rows]
    return Times(*turns, *medians)


if __name__ == "__main__":
    times = time_pool()
    for name, (taken, busy, processor) in (("one worker", times.one), ("two workers", times.two)):
        rate = times.turns / taken
        print(f"{name}: {rate:.1f} turns/s ({taken:.1f} s each), busy {busy:.0%}, processor {processor:.1f} s")
    print(f"two workers against one: {times.ratio:.2f} x")
    os._exit(0)  # bpy's own clean-up may crash or never end
