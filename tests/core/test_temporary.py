"""Temporary folders: each held by its owner, and removed by others only when that has ended."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from metaspatial_addon.core import temporary
from metaspatial_addon.core.temporary import PREFIX, TemporaryFolder

OWNER = """
import sys, time
from metaspatial_addon.core.temporary import TemporaryFolder
folder = TemporaryFolder()
(folder.path / "file").touch()
print(folder.path, flush=True)
time.sleep(60)
"""


@pytest.fixture
def place(tmp_path, monkeypatch):
    """Where temporary folders are made."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_a_folder_is_removed_with_all_that_is_in_it(place):
    with TemporaryFolder() as path:
        (path / "a").mkdir()
        (path / "a" / "b").touch()
        assert path.stat().st_mode & 0o777 == 0o700 or os.name == "nt"
    assert os.listdir(place) == []


def test_the_next_process_removes_what_a_killed_one_left_and_nothing_else(place, checkout):
    command = [sys.executable, "-c", OWNER]
    owners = [subprocess.Popen(command, cwd=checkout, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    killed, living = (Path(owner.stdout.readline().strip()) for owner in owners)
    try:
        others = {"blender_a1b2c3", "metaspatial", "else"}
        for name in others:
            (place / name).mkdir()
        outside = place / "else" / "kept"
        outside.mkdir()
        (place / f"{PREFIX}link").symlink_to(outside, target_is_directory=True)
        (place / f"{PREFIX}file").touch()
        owners[0].kill()
        owners[0].wait()
        assert killed.is_dir()
        with TemporaryFolder() as own, TemporaryFolder() as second:
            left = {path.name for path in place.iterdir()}
            assert left == {*others, f"{PREFIX}link", f"{PREFIX}file", living.name, own.name, second.name}
        assert outside.is_dir() and (living / "file").exists()
    finally:
        for owner in owners:
            owner.kill()
            owner.communicate()


def test_a_folder_that_is_being_made_is_left_alone_and_an_old_one_without_a_lock_goes(place):
    new, old = place / f"{PREFIX}new", place / f"{PREFIX}old"
    new.mkdir()
    old.mkdir()
    os.utime(old, (0, 0))
    temporary.remove_abandoned()
    assert new.is_dir() and not old.exists()


def test_a_folder_whose_removal_was_cut_short_goes_at_once(place, monkeypatch):
    def killed(path, **_):
        (path / temporary.LOCK).unlink()
        raise KeyboardInterrupt

    folder = TemporaryFolder()
    (folder.path / "file").touch()
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(shutil, "rmtree", killed)
        folder.remove()
    assert len(list(place.iterdir())) == 1
    temporary.remove_abandoned()
    assert not list(place.iterdir())


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() != 0, reason="root alone gives files away")
def test_a_folder_of_another_user_stays(place):
    theirs = place / f"{PREFIX}theirs"
    theirs.mkdir()
    (theirs / temporary.LOCK).touch()
    os.chown(theirs, 12345, 12345)
    temporary.remove_abandoned()
    assert theirs.is_dir()
