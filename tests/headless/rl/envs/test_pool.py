"""The pool's turns with workers that are lost in all ways, without Blender: nothing is lost with them."""

from __future__ import annotations

import random
import threading
from collections import Counter

import pytest

from headless.rl.envs import pool as pools
from headless.rl.envs.base import EpisodeSettings
from headless.rl.envs.pool import TRIES, Pool, WorkerBug, WorkerLost
from headless.rl.envs.pool_worker import PoolWorker
from tests.headless.rl.envs.pools import EPISODES, PAIRS, answers, drive, rewards
from tests.headless.rl.paper import PaperEnvironments
from tests.worker.waiting import wait_until


def worth(task, answer, turn):
    """Depends on all answers so far: a later one leaves out what stays."""
    if answer.layout is None:
        return 0.01 * turn
    return sum(p.x * (k + 1) for k, p in enumerate(answer.layout.poses.values())) / 1000 + turn


class PaperWorker:
    """Plays on paper, in the pool's own thread. `fails(request)` may raise or wait before a turn is played."""

    def __init__(self, number, fails=lambda request: None):
        self.number, self.fails = number, fails
        self.worker = PoolWorker(PaperEnvironments(worth))
        self.played, self.stopped = [], threading.Event()

    def open(self, seconds):
        pass

    def play(self, request, seconds):
        self.fails(request)
        self.played.append((request.key, len(request.completions)))
        return self.worker.play(request)

    def stop(self):
        self.stopped.set()


@pytest.fixture
def staff():
    """All workers that pools have had, the last ones at the end."""
    return []


def hire(staff, fails=lambda worker, request: None):
    def start(number):
        worker = PaperWorker(number)
        worker.fails = lambda request: fails(worker, request)
        staff.append(worker)
        return worker

    return start


def begin(pool, episodes, turns):
    """Begin that many of one task, and wait until all have."""
    for episode in range(episodes):
        pool.begin(episode, PAIRS[0][0], EpisodeSettings(turns))
    begun = {}
    while len(begun) < episodes:
        begun |= dict(pool.collect())


@pytest.fixture(scope="module")
def expected():
    return drive(PaperEnvironments(worth))


@pytest.mark.parametrize("count", [1, 2, 5])
def test_what_is_told_is_the_same_with_any_number_of_workers(count, staff, expected):
    with Pool(hire(staff), count) as pool:
        assert drive(pool) == expected
        assert drive(pool) == expected  # numbers may be used again
    assert pool.replaced == pool.faults == 0 and len(staff) == count
    assert all(worker.stopped.is_set() and worker.played for worker in staff)
    assert len({reward for episode in rewards(expected) for reward in episode}) > EPISODES


def test_workers_that_are_lost_at_any_moment_change_nothing(staff, expected):
    rng, struck = random.Random(1), Counter()

    def fails(worker, request):
        turn = request.key, len(request.completions)
        if rng.random() < 0.3 and struck[turn] < TRIES - 1:
            struck[turn] += 1
            raise WorkerLost("struck by lightning")

    for _ in range(5):
        struck.clear()
        with Pool(hire(staff, fails), 3) as pool:
            assert drive(pool) == expected
        assert pool.faults == 0 and pool.replaced == struck.total() > 2


def test_an_answer_that_was_lost_on_its_way_is_asked_for_again(staff, expected):
    lost = []

    class Deaf(PaperWorker):
        def play(self, request, seconds):
            result = super().play(request, seconds)
            if len(lost) < 2 and len(request.completions) == 2:
                lost.append(request.key)
                raise WorkerLost("the line was cut")
            return result

    with Pool(Deaf, 2) as pool:
        assert drive(pool) == expected
    assert len(lost) == pool.replaced == 2


def test_after_three_tries_the_episode_is_left_out_and_no_other(staff, expected, capsys):
    def fails(worker, request):
        if request.key == 2 and len(request.completions) == 2:
            raise WorkerLost("it grew past 100 MB")

    with Pool(hire(staff, fails), 2) as pool:
        got = drive(pool)
    assert got[2][:-1] == expected[2][:2]
    assert got[2][-1].done and got[2][-1].score is None
    assert got[2][-1].fault.startswith("turn 2 of an episode of ") and "it grew past 100 MB" in got[2][-1].fault
    assert {k: v for k, v in got.items() if k != 2} == {k: v for k, v in expected.items() if k != 2}
    assert pool.faults == 1 and pool.replaced == TRIES
    lines = capsys.readouterr().err.splitlines()
    assert len([line for line in lines if "is replaced" in line]) == TRIES and got[2][-1].fault in lines


def test_a_fault_that_a_worker_tells_of_is_tried_in_a_new_one(staff, expected):
    class Broken(PaperWorker):
        def __init__(self, number):
            super().__init__(number)
            staff.append(self)
            if len(staff) == 1:
                self.worker = PoolWorker(PaperEnvironments(worth, broken={0: 2}))

    with Pool(Broken, 1) as pool:
        assert drive(pool) == expected
    assert len(staff) == 2 and pool.faults == 0


def test_idle_workers_that_died_cost_a_turn_no_try(staff, expected):
    """A machine with four workers is gone while three of them have nothing to do."""
    dead = set()

    class Fragile(PaperWorker):
        def open(self, seconds):
            if self in dead:
                raise WorkerLost("gone")

        def play(self, request, seconds):
            if len(staff) == 4:
                dead.update(staff)
            self.open(seconds)
            return super().play(request, seconds)

    def start(number):
        staff.append(Fragile(number))
        return staff[-1]

    with Pool(start, 4) as pool:
        pool.begin(0, PAIRS[0][0], EpisodeSettings(3))
        [(_, result)] = pool.collect()
    assert result.messages == expected[0][0].messages and not result.fault
    assert len(staff) > 4


def test_no_turn_waits_for_the_slowest(staff):
    go_on = threading.Event()

    def fails(worker, request):
        if request.key == 0 and request.completions:
            go_on.wait(20)

    with Pool(hire(staff, fails), 2) as pool:
        begin(pool, 2, turns=3)
        assert staff[0].played != [] != staff[1].played  # dealt out evenly
        pool.answer(0, answers(0)[0])
        for turn in range(2):
            pool.answer(1, answers(0)[turn])
            assert [episode for episode, _ in pool.collect()] == [1]
        go_on.set()
        assert [episode for episode, _ in pool.collect()] == [0]


def test_episodes_of_a_worker_that_hangs_are_taken_over(staff, monkeypatch):
    monkeypatch.setattr(pools, "_TAKE_OVER", 0.2)
    go_on = threading.Event()

    def fails(worker, request):
        if request.key == 0 and request.completions:
            go_on.wait(20)

    with Pool(hire(staff, fails), 2) as pool:
        begin(pool, 4, turns=2)
        for episode in range(4):
            pool.answer(episode, answers(0)[0])
        results = {}
        while len(results) < 3:
            results |= dict(pool.collect())
        assert set(results) == {1, 2, 3}
        go_on.set()
        assert [episode for episode, _ in pool.collect()] == [0]
    assert pool.replaced == 0


def test_an_idle_worker_takes_over_what_would_wait_longer_elsewhere(staff):
    busy, go_on, moved = threading.Event(), threading.Event(), (0, 2, 4, 6, 8)

    def fails(worker, request):
        if request.key == 0 and request.completions:
            busy.set()
            go_on.wait(20)

    with Pool(hire(staff, fails), 2) as pool:
        begin(pool, 10, turns=2)
        at_first = {key for key, turn in staff[0].played if turn == 0}
        pool.answer(0, answers(0)[0])
        assert busy.wait(20)
        for episode in moved[1:]:
            pool.answer(episode, answers(0)[0])
        results = {}
        while len(results) < 3:
            results |= dict(pool.collect())
        # The worker of all these is busy with the first. One turn waits for it, the others behind that.
        assert at_first == set(moved) and set(results) == {4, 6, 8}
        go_on.set()
        while len(results) < 5:
            results |= dict(pool.collect())
    assert set(results) == set(moved) and pool.replaced == 0
    assert {key for key, turn in staff[1].played if turn} == {4, 6, 8}


def test_a_bug_in_a_worker_stops_the_run(staff):
    def fails(worker, request):
        raise WorkerBug("KeyError: 'sofa'")

    with Pool(hire(staff, fails), 2) as pool:
        pool.begin(0, PAIRS[0][0], EpisodeSettings(3))
        with pytest.raises(WorkerBug, match="sofa"):
            pool.collect()


def test_a_run_without_any_worker_stops(monkeypatch):
    monkeypatch.setattr(pools, "_LONGEST_PAUSE", 0.01)

    def start(number):
        raise WorkerLost("no room")

    with Pool(start, 2) as pool:
        pool.begin(0, PAIRS[0][0], EpisodeSettings(3))
        with pytest.raises(RuntimeError, match="no worker can be started: no room"):
            pool.collect()


def test_a_worker_that_does_not_start_leaves_its_work_to_others(staff, expected, monkeypatch):
    monkeypatch.setattr(pools, "_LONGEST_PAUSE", 0.01)
    good, refused = hire(staff), []

    def start(number):
        if number == 1:
            refused.append(number)
            raise WorkerLost("no room")
        return good(number)

    with Pool(start, 2) as pool:
        assert drive(pool) == expected
        wait_until(lambda: len(refused) > TRIES)
        assert drive(pool) == expected


def test_what_was_forgotten_is_not_told(staff):
    busy, go_on = threading.Event(), threading.Event()

    def fails(worker, request):
        if request.key == 0:
            busy.set()
            go_on.wait(20)

    with Pool(hire(staff, fails), 2) as pool:
        pool.begin(0, PAIRS[0][0], EpisodeSettings(3))
        assert busy.wait(20)
        pool.forget()
        assert pool.collect() == []
        pool.begin(0, PAIRS[1][0], EpisodeSettings(3))
        [(_, result)] = pool.collect()
        go_on.set()
        wait_until(lambda: any((0, 0) in worker.played for worker in staff))
        assert pool.collect() == []
        assert result.messages == drive(PaperEnvironments(worth))[1][0].messages


def test_a_worker_forgets_episodes_that_are_over(staff):
    with Pool(hire(staff), 1) as pool:
        drive(pool)
        pool.begin(0, PAIRS[0][0], EpisodeSettings(3))
        pool.collect()
        [worker] = staff
        assert len(worker.worker._answered) == len(worker.worker._environments.episodes) == 1
