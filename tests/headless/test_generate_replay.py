"""generate.py --replay: episodes of a training run again, without its model."""

from __future__ import annotations

import html
import json
import re
from pathlib import Path

import pytest

pytest.importorskip("bpy")

import bpy

from headless import cli, generate
from headless.rl.envs.base import EpisodeSettings
from headless.rl.envs.sync import SyncEnvironments
from headless.rl.logs.records import FILE, TurnWriter, read_recorded
from headless.rl.logs.replay import best_and_worst_first
from headless.taskgen.make import make_task
from metaspatial_addon.core.conversation import Message
from metaspatial_addon.core.errors import InputError
from metaspatial_addon.core.task import Pose, read_layout, read_task
from metaspatial_addon.prompts.compact import CompactEncoding, CompactFormat

RUN = {"policy": "small", "rendering": "compact", "temperature": 1.0, "pixels": 0, "engine": "cycles"}
PAIR = make_task("train", 4, 1)


class Rollout:
    """What the trainer knows of an episode, played with answers that move everything by some metres and put back an
    item in each turn."""

    fault, truncated, group = "", False, 0

    def __init__(self, member: int, away: float, settings: EpisodeSettings):
        task, layout = PAIR
        self.task, self.seed, self.scores, self.timings = task, (1, 0, 0, member), [], []
        compact = CompactEncoding(task)
        spoilt = {i: Pose(p.x + away, p.y - away / 2, p.z, p.yaw) for i, p in layout.poses.items()}
        answers = [compact.answer_text(spoilt), *(compact.answer_text({i: p}) for i, p in layout.poses.items())]
        with SyncEnvironments(CompactFormat(), threads=1) as environments:
            environments.begin(0, task, settings)
            [(_, told)] = environments.collect()
            self.conversation = told.messages
            while not told.done:
                text = answers[len(self.scores)]
                environments.answer(0, text)
                [(_, told)] = environments.collect()
                self.conversation += (Message("assistant", text), *told.messages)
                self.scores.append(told.score)
                self.timings.append(told.seconds)


SETTINGS = [EpisodeSettings(3), EpisodeSettings(3, view_method="rays"), EpisodeSettings(3, render=False)]


@pytest.fixture(scope="module", params=SETTINGS, ids=["renders", "rays", "no view"])
def run(request, tmp_path_factory) -> Path:
    """The folder of a run with one step of three episodes."""
    folder = tmp_path_factory.mktemp("runs")
    records = TurnWriter(folder, 0, CompactFormat(), RUN)
    episodes = [Rollout(member, away, request.param) for member, away in enumerate((0.4, 3.0, 0.2))]
    records.write(25, episodes, request.param)
    return folder


@pytest.fixture(autouse=True)
def own_scenes():
    """The command leaves its scene to the end of its process: here other tests come after it."""
    kinds = ("scenes", "collections", "objects")
    before = {(kind, block.name) for kind in kinds for block in getattr(bpy.data, kind)}
    yield
    blocks = [(kind, block) for kind in kinds for block in getattr(bpy.data, kind)]
    bpy.data.batch_remove([block for kind, block in blocks if (kind, block.name) not in before])


def lines(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / FILE).read_text().splitlines()]


def replay(run: Path, name: str, out: Path, *more: str) -> None:
    generate.main(["--replay", str(run), "--episode", name, "--out", str(out), *more])


def test_an_episode_is_played_again_to_the_last_digit(run, tmp_path, capsys):
    replay(run, "25-0-1", tmp_path, "--no-pictures")
    before = [line for line in lines(run) if line["episode"] == "25-0-1"]
    after = lines(tmp_path)
    assert [line["reward"] for line in after] == [line["reward"] for line in before] and len(before) >= 2
    for key in ("terms", "evidence", "layout", "answer", "seed"):
        assert [line[key] for line in after] == [line[key] for line in before]
    best = max(before, key=lambda line: line["reward"])
    assert read_layout(tmp_path / "layout.json").poses == {
        entry["id"]: Pose(*(entry[key] for key in ("x", "y", "z", "yaw"))) for entry in best["layout"]["placements"]
    }
    assert read_task(tmp_path / "task.json") == PAIR[0] and (tmp_path / "scene.blend").exists()
    assert "differently" not in capsys.readouterr().err
    assert all(name.read_bytes() for name in tmp_path.glob("*.png"))


def test_another_score_than_the_recorded_one_is_told(run, tmp_path, capsys):
    changed = [json.dumps(line) for line in lines(run)]
    reward = lines(run)[0]["reward"]
    changed[0] = changed[0].replace(f'"reward": {reward}', '"reward": 0.5', 1)
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / FILE).write_text("\n".join(changed) + "\n")
    replay(tmp_path / "run", "25-0-0", tmp_path / "out", "--no-pictures")
    told = [line for line in capsys.readouterr().err.splitlines() if "differently" in line]
    assert len(told) == 1 and told[0].startswith("turn 1 is scored differently from the record: reward 0.5, now 0.")


def test_a_group_is_shown_best_and_worst_first(run, tmp_path, monkeypatch):
    monkeypatch.setattr(generate.replay, "PIXELS", 48)
    replay(run, "25-0", tmp_path, "--engine", "cycles")
    pages = {"contact_sheet.png", "rollouts.html"}
    assert {path.name for path in tmp_path.iterdir()} == {FILE, "task.json", "scene.blend", *pages}
    ranked = best_and_worst_first(read_recorded(run / FILE, "25-0"))
    page = (tmp_path / "rollouts.html").read_text(encoding="utf-8")
    assert '<img src="contact_sheet.png"' in page and page.index(ranked[0].name) < page.index(ranked[1].name)
    for line in (line for episode in ranked for line in episode.lines):
        assert f"<td>{line['reward']:.3f}</td>" in page and html.escape(line["answer"]) in page
    assert [episode.reward for episode in ranked[::2]] == sorted((e.reward for e in ranked[::2]), reverse=True)
    assert ranked[1].reward == min(episode.reward for episode in ranked)
    with bpy.data.libraries.load(str(tmp_path / "scene.blend")) as (there, wanted):
        names = sorted(name for name in there.collections if name.startswith("MetaSpatial"))
        wanted.collections = list(names)
    assert [re.sub(r"^.* · |\.\d+$", "", name) for name in names] == [
        f"01 {ranked[0].name} (best)",
        f"02 {ranked[1].name} (worst)",
        f"03 {ranked[2].name}",
    ]
    for run_collection, episode in zip(wanted.collections, ranked, strict=True):
        kept = [json.loads(c["metaspatial_turn"]["record"]) for c in run_collection.children if "Turn" in c.name]
        assert [line["reward"] for line in kept] == [line["reward"] for line in episode.lines]
        assert all(len(c.objects) >= len(PAIR[0].items) for c in run_collection.children if "Turn" in c.name)
        assert any(c.name.startswith("Room") for c in run_collection.children)
    objects = {thing for collection in wanted.collections for thing in collection.all_objects}
    bpy.data.batch_remove([*objects, *wanted.collections, *bpy.data.libraries])


@pytest.mark.slow
def test_pictures_are_taken_even_where_the_run_took_none(run, tmp_path):
    replay(run, "25-0-0", tmp_path, "--engine", "cycles")
    before = [line for line in lines(run) if line["episode"] == "25-0-0"]
    assert [line["reward"] for line in lines(tmp_path)] == [line["reward"] for line in before]
    for number in range(1, len(before) + 1):
        for kind in ("top", "view"):
            assert (tmp_path / f"turn_{number:02d}_{kind}.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "contact_sheet.png").exists()


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--replay", "run", "--out", "o"], "--replay and --episode go together"),
        (["--task", "t", "--episode", "1-2-3", "--out", "o"], "--replay and --episode go together"),
        (["--replay", "run", "--episode", "1-2-3", "--out", "run"], "turns.jsonl would be overwritten"),
    ],
)
def test_wrong_calls_are_explained(argv, message):
    with pytest.raises(cli.CommandError, match=message):
        generate.main(argv)


def test_a_group_without_pictures_is_nothing_to_see(run, tmp_path):
    with pytest.raises(cli.CommandError, match="--no-pictures: group 25-0 is shown in pictures"):
        replay(run, "25-0", tmp_path / "out", "--no-pictures")
    assert not (tmp_path / "out").exists()


def test_a_run_without_such_an_episode_leaves_an_earlier_result_alone(run, tmp_path):
    replay(run, "25-0-1", tmp_path, "--no-pictures")
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(InputError, match="no such episode"):
        replay(run, "24-0-1", tmp_path)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before
