"""Workers as Ray actors on a cluster of two nodes: the same to the last digit, also when a node is lost."""

from __future__ import annotations

import logging
import os

import pytest

ray = pytest.importorskip("ray")
pytest.importorskip("bpy")

from ray.cluster_utils import Cluster

from headless import cli
from headless.rl.envs import ray_worker
from headless.rl.envs.base import EpisodeSettings
from headless.rl.envs.pool import Pool, Timeouts
from headless.rl.envs.pool_worker import WorkerConfig
from headless.rl.envs.sync import SyncEnvironments
from metaspatial_addon.prompts.compact import CompactFormat
from tests.headless.rl.envs.pools import PAIRS, drive
from tests.worker.waiting import wait_gone

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

NODE = {"num_cpus": 1, "object_store_memory": 100 * 2**20, "include_dashboard": False}
CONFIG = WorkerConfig("compact")


@pytest.fixture(scope="module")
def expected():
    with SyncEnvironments(CompactFormat(), threads=1) as environments:
        return drive(environments, render=True)


@pytest.fixture
def cluster():
    cluster = Cluster(initialize_head=True, head_node_args=NODE)
    cluster.second = cluster.add_node(**NODE)
    ray_worker.connect(cluster.address)
    cluster.wait_for_nodes()
    yield cluster
    ray.shutdown()
    cluster.shutdown()


def test_actors_on_two_nodes_tell_what_this_process_would(cluster, expected):
    with Pool(lambda number: ray_worker.RayWorker(CONFIG), 2) as pool:
        assert ray.available_resources().get("CPU", 0) == 0  # each node has one core, and each worker takes one
        assert drive(pool, render=True) == expected
        assert pool.replaced == 0


def test_a_node_that_is_lost_midway_changes_nothing(cluster, expected):
    workers = []

    def start(number):
        workers.append(ray_worker.RayWorker(CONFIG))
        return workers[-1]

    def place(actor):
        return ray.get_runtime_context().get_node_id(), os.getpid()

    def lose(count):
        if count == 9:
            cluster.remove_node(cluster.second, allow_graceful=False)
            wait_gone(pids[cluster.second.node_id])  # an actor outlives its node by a moment, and would answer

    with Pool(start, 2, Timeouts(start=60)) as pool:
        pids = dict(ray.get([worker._actor.__ray_call__.remote(place) for worker in workers]))
        assert drive(pool, render=True, after=lose) == expected
        assert pool.replaced == 1 and pool.faults == 0
        cluster.add_node(**NODE)  # its worker comes back as soon as there is room
        assert drive(pool, render=True) == expected


def test_a_killed_actor_is_replaced(cluster, expected):
    workers = []

    def start(number):
        workers.append(ray_worker.RayWorker(CONFIG))
        return workers[-1]

    def kill(count):
        if count in (8, 14):
            workers[-1].stop()

    with Pool(start, 2) as pool:
        assert drive(pool, render=True, after=kill) == expected
        assert pool.replaced > 0 and pool.faults == 0


def test_an_actor_that_holds_too_much_ends(cluster, monkeypatch, caplog):
    caplog.set_level(logging.CRITICAL)
    monkeypatch.setattr("headless.rl.envs.pool._LONGEST_PAUSE", 0.01)
    with Pool(lambda number: ray_worker.RayWorker(WorkerConfig("compact", memory_mb=50)), 1) as pool:
        pool.begin(0, PAIRS[0][0], EpisodeSettings())
        with pytest.raises(RuntimeError, match="no worker can be started"):
            pool.collect()


@pytest.mark.parametrize("address", ["127.0.0.1:9", "ray://127.0.0.1:9", "somewhere", "auto"])
def test_a_cluster_that_is_not_there_is_named(address):
    with pytest.raises(cli.CommandError, match=f"--ray {address}: no cluster can be reached"):
        ray_worker.connect(address)
