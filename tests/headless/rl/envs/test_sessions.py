"""Episodes that threads play at once: each gets its own results, and none waits for ever."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from headless.rl.envs.base import EpisodeSettings
from headless.rl.envs.pool import Pool, WorkerBug, WorkerLost
from headless.rl.envs.sessions import Sessions
from tests.headless.rl.envs.pools import PAIRS, TURNS, answers, drive
from tests.headless.rl.envs.test_pool import PaperEnvironments, hire, worth
from tests.worker.waiting import wait_until

SETTINGS = EpisodeSettings(TURNS, render=False)


def play(sessions, episode):
    number, result = sessions.begin(PAIRS[episode % len(PAIRS)][0], SETTINGS)
    results = [result]
    while not result.done:
        result = sessions.answer(number, answers(episode)[len(results) - 1])
        results.append(result)
    sessions.end(number)
    return [None if result.score is None else result.score.reward for result in results]


def test_every_thread_gets_its_own_results_and_no_episode_is_kept():
    staff, alone = [], drive(PaperEnvironments(worth))
    wanted = [[None if r.score is None else r.score.reward for r in episode] for episode in alone.values()]
    with Pool(hire(staff), 2) as pool, Sessions(pool) as sessions, ThreadPoolExecutor(8) as threads:
        for _ in range(3):
            assert list(threads.map(lambda episode: play(sessions, episode), range(len(wanted)))) == wanted
        assert not pool._episodes and not pool._awaited
        sessions.begin(PAIRS[0][0], SETTINGS)
        assert sum(len(worker.worker._environments.episodes) for worker in staff) <= len(wanted)


def test_an_episode_that_goes_on_is_kept_while_others_end():
    staff = []
    with Pool(hire(staff), 1) as pool, Sessions(pool) as sessions:
        number, _ = sessions.begin(PAIRS[0][0], SETTINGS)
        others = [play(sessions, episode) for episode in (1, 2)]
        assert all(len(rewards) == TURNS + 1 for rewards in others)
        assert sessions.answer(number, answers(0)[0]).score is not None
        [worker] = staff
        assert sum(key == 0 and not turns for key, turns in worker.played) == 1  # it was not begun anew


@pytest.mark.parametrize("ended", ["episode", "sessions"])
def test_whoever_waits_is_told_of_the_end(ended):
    staff = []
    busy, go_on = threading.Event(), threading.Event()

    def waits(worker, request):
        busy.set()
        go_on.wait(20)

    with Pool(hire(staff, waits), 1) as pool, ThreadPoolExecutor(1) as threads:
        with Sessions(pool) as sessions:
            waiting = threads.submit(sessions.begin, PAIRS[0][0], SETTINGS)
            assert busy.wait(20)
            if ended == "episode":
                sessions.end(0)
                assert waiting.result(20)[1].fault
        assert waiting.result(20)[1].fault
        go_on.set()


def test_where_all_workers_fail_every_episode_has_a_fault():
    class Broken:
        def open(self, seconds):
            raise WorkerBug("no such module")

        def play(self, request, seconds):
            raise WorkerLost("gone")

        def stop(self):
            pass

    failures = []
    with Pool(lambda number: Broken(), 1) as pool, Sessions(pool, failures.append) as sessions:
        assert "no such module" in sessions.begin(PAIRS[0][0], SETTINGS)[1].fault
        wait_until(lambda: len(failures) == 1)
        assert "no such module" in sessions.begin(PAIRS[0][0], SETTINGS)[1].fault
        sessions.end(1)
