"""Environment workers: turns a second of two against one, on the same episodes. `python benchmarks/pool.py`.

A flight is that of a training step of `tiny.toml`: 4 tasks x 8 episodes, physics and the measured part of the view in
each turn; the answers are ready at once. Flights of one and of two workers take turns, and the medians are compared.
Two workers need two cores that have nothing else to do. *Busy* is the share of their time in which workers worked, and
*processor* what their processes took for a flight: these tell what the pool costs where the cores are not free.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from pathlib import Path

from common import clean_rooms, thrown_in

from headless.rl.environments import Environments, EpisodeSettings
from headless.rl.pool import Pool
from headless.rl.pool_process import ProcessWorker
from headless.rl.pool_worker import Place
from metaspatial_addon.layout.compact import CompactTask
from metaspatial_addon.layout.task import Task

TASKS, GROUP, TURNS = 4, 8, 2


def texts(task: Task, member: int) -> list[str]:
    """An answer with every item somewhere, and one that moves them all again."""
    return [CompactTask(task).statement(thrown_in(task, 100 * turn + member).poses) for turn in range(TURNS)]


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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    tasks = [task for task, _ in clean_rooms(TASKS)]
    answers = [texts(task, member) for task in tasks for member in range(GROUP)]
    place, load = Place("compact"), os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as logs:
        started: list[int] = []

        def start(number: int) -> ProcessWorker:
            worker = ProcessWorker(place, Path(logs, f"{len(started)}.log"))
            started.append(worker.pid)
            return worker

        with Pool(start, 1) as one, Pool(start, 2) as two:
            pools = {"one worker": (one, started[:1]), "two workers": (two, started[1:])}
            turns = {fly(pool, tasks, answers)[0] for pool, _ in pools.values()}  # rooms are read once
            assert len(turns) == 1, turns
            rows: dict[str, list[tuple[float, float, float]]] = {name: [] for name in pools}
            for _ in range(rounds):
                for name, (pool, pids) in pools.items():
                    before, began = processor_seconds(pids), time.perf_counter()
                    _, worked = fly(pool, tasks, answers)
                    taken = time.perf_counter() - began
                    rows[name].append((taken, worked / taken / len(pids), processor_seconds(pids) - before))
    [count] = turns
    medians = {name: [statistics.median(column) for column in zip(*row, strict=True)] for name, row in rows.items()}
    for name, (taken, busy, processor) in medians.items():
        print(f"{name}: {count / taken:.1f} turns/s ({taken:.1f} s each), busy {busy:.0%}, processor {processor:.1f} s")
    ratio = medians["one worker"][0] / medians["two workers"][0]
    print(f"two workers against one: {ratio:.2f} x (bar: >= 1.8 x); load before the run {load:.1f}")


if __name__ == "__main__":
    main()
    os._exit(0)  # bpy's own clean-up may crash or never end
