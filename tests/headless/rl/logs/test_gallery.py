"""Pictures of rollouts come from a process of their own, and training goes on whatever becomes of it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")

from headless.rl.logs import gallery
from headless.rl.logs.gallery import RolloutGallery

WRITES = """
import sys, time
from pathlib import Path
out = Path(sys.argv[sys.argv.index("--out") + 1])
out.mkdir(parents=True)
if sys.argv[sys.argv.index("--episode") + 1] == "2-1":
    sys.exit("no pictures today")
(out / "contact_sheet.png").write_bytes(b"PNG")
"""
HANGS = "import time; time.sleep(60)"


class Board:
    """Remembers what would be shown."""

    def __init__(self):
        self.pictures = []

    def image(self, step: int, name: str, png: Path) -> None:
        assert png.read_bytes() == b"PNG"
        self.pictures.append((step, name))


def test_all_that_was_begun_is_shown_in_turn_and_what_fails_is_told(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(gallery, "_command", lambda: [sys.executable, "-c", WRITES])
    board = Board()
    with RolloutGallery(tmp_path, board) as shown:
        for step, group in ((1, "1-0"), (2, "2-1"), (3, "3-2")):
            shown.add(step, group)
            shown.poll()
    assert board.pictures == [(1, "rollouts"), (3, "rollouts")]
    assert "the pictures of step 2 could not be made: see" in capsys.readouterr().err
    assert "no pictures today" in (tmp_path / "gallery.log").read_text()


def test_a_run_that_fails_leaves_no_process_behind(tmp_path, monkeypatch):
    monkeypatch.setattr(gallery, "_command", lambda: [sys.executable, "-c", HANGS])
    with pytest.raises(RuntimeError, match="the gradient"), RolloutGallery(tmp_path, Board()) as shown:
        shown.add(1, "1-0")
        shown.poll()
        process = shown._process
        raise RuntimeError("the gradient is nan")
    assert process.returncode is not None


def test_pictures_that_take_for_ever_do_not_keep_a_run_from_its_end(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(gallery, "_command", lambda: [sys.executable, "-c", HANGS])
    monkeypatch.setattr(gallery, "_LONGEST", 0.2)
    with RolloutGallery(tmp_path, Board()) as shown:
        shown.add(1, "1-0")
        shown.poll()
    assert "the pictures of step 1 are not ready" in capsys.readouterr().err
