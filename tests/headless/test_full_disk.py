"""Commands on a disk without room: one line that names the file and says what to do, and no half of a file."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("bpy")

from metaspatial_addon.core.files import write_file
from tests.headless.test_generate import TASK, answer, server  # noqa: F401 (a fixture)

CHECKOUT = Path(__file__).parents[2]
SIZE = 200 * 1024


@pytest.fixture
def disk(tmp_path):
    """A disk of 200 KiB. Only root may mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(folder)]
    if sys.platform != "linux" or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no small disk can be mounted here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(disk, free):
    """Leave so many bytes free, to the next page below."""
    (disk / "filler").write_bytes(bytes(SIZE - free))


def command(name, *argv):
    return subprocess.run(
        [sys.executable, str(CHECKOUT / "headless" / name), *map(str, argv)],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def assert_says(done, path):
    """One line of error after the progress, no traceback."""
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    last = done.stderr.strip().splitlines()[-1]
    assert last == f"error: {path}: No space left on device: free space on that disk, or choose another place"


def files(folder):
    return {path.name for path in folder.iterdir()} - {"filler"}


def test_tasks(disk):
    done = command("tasks.py", "--count", 200, "--out", disk / "tasks.jsonl")
    assert_says(done, disk / "tasks.jsonl")
    assert files(disk) == set()


def test_score_keeps_whole_lines(disk, tmp_path):
    task = tmp_path / "pairs.jsonl"
    task.write_text(f"{json.dumps({'task': TASK, 'answer': answer('bed_1 2.6 2.5 0', 'desk_1 2.2 2.5 0')})}\n" * 40)
    fill(disk, 16 * 1024)
    done = command("score.py", "--pairs", task, "--no-render", "--out", disk / "scores.jsonl")
    assert_says(done, disk / "scores.jsonl")
    assert files(disk) == {"scores.jsonl"}
    lines = (disk / "scores.jsonl").read_text().splitlines()
    assert 0 < len(lines) < 40 and all(json.loads(line)["status"] == "ok" for line in lines)


@pytest.mark.parametrize(
    ("free", "failing", "written"),
    [
        (12 * 1024, "layout.json", {"turns.jsonl", "task.json"}),
        (48 * 1024, "scene.blend", {"turns.jsonl", "task.json", "layout.json"}),
    ],
)
def test_generate(server, disk, tmp_path, free, failing, written):  # noqa: F811
    task = tmp_path / "task.json"
    task.write_text(json.dumps(TASK))
    server.answers = [answer("bed_1 2.6 2.5 0", "desk_1 0.4 3 90")]
    fill(disk, free)
    out = disk / "out"
    done = command("generate.py", "--task", task, *server.options, "--no-pictures", "--turns", 1, "--out", out)
    assert_says(done, out / failing)
    assert files(out) == written
    assert len((out / "turns.jsonl").read_text().splitlines()) == 1


def test_evaluate(disk, tmp_path):
    tasks, out = tmp_path / "tasks.jsonl", disk / "out"
    assert command("tasks.py", "--count", 1, "--out", tasks).returncode == 0
    fill(disk, 52 * 1024)
    done = command("evaluate.py", "--tasks", tasks, "--turns", 1, "--samples", 1, "--no-pictures", "--out", out)
    assert_says(done, out / "report.html")
    assert files(out) == {"metrics.json"}


def test_blenders_writers_name_the_file_and_the_reason(disk):
    import bpy

    from metaspatial_addon.blender.scene_io import blend_file
    from metaspatial_addon.blender.scene_io.item_mesh import has_usd
    from metaspatial_addon.blender.turns import turns

    scene = bpy.data.scenes.new("full")
    run = turns.new_run(scene, "t")
    mesh = bpy.data.meshes.new("ball")
    turn = turns.add_turn(run, [], {})
    turn.objects.link(bpy.data.objects.new("ball", mesh))
    mesh.from_pydata([(x, x * x, 1) for x in range(20_000)], [], [(k, k + 1, k + 2) for k in range(19_000)])
    reasons = {
        "scene.blend": "Blender could not write it",  # all that it says
        "scene.glb": "No space left on device",
        "scene.usdc": "No space left on device|USD Export",
    }
    try:
        for name, reason in reasons.items():
            if name == "scene.usdc" and not has_usd():
                continue
            with pytest.raises(OSError, match=reason) as caught:
                if name == "scene.blend":
                    blend_file.save_blend(disk / name, scene)
                else:
                    write = blend_file.export_glb if name == "scene.glb" else blend_file.export_usd
                    write(disk / name, turn, scene)
            assert caught.value.errno in (errno.ENOSPC, errno.EIO) and caught.value.filename == str(disk / name)
            assert files(disk) == set()
    finally:
        bpy.data.batch_remove([*run.all_objects, *run.children_recursive, run, mesh, scene])


def test_a_file_stays_as_it_was_where_a_new_one_does_not_fit(disk):
    path = disk / "kept"
    write_file(path, b"old")
    with pytest.raises(OSError, match="No space left") as caught:
        write_file(path, bytes(SIZE))
    assert caught.value.filename == str(path)
    assert path.read_bytes() == b"old" and os.listdir(disk) == ["kept"]
