"""A turn accepted, taken back and accepted again; saved, and opened anew."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

from tests.gui.session import Bench
from tests.gui.studio import ACCEPT, Objects, Studio, moved

KEY = "sk-very-secret-0123456789"


def accept_and_undo(bench: Bench) -> str:
    studio = Studio(bench)
    start = studio.originals()
    studio.generate()
    studio.finish()
    turns = len(studio.turns())
    shown = studio.objects()
    studio.sidebar.press(ACCEPT)
    studio.session.ask("version")
    accepted = studio.objects()
    studio.session.picture("accepted")
    changed = moved(start, studio.originals())
    assert changed, "Accept moves the originals to where the turn has them"
    studio.press_in_viewport("ctrl+z")
    _agree(shown, studio.objects(), "Ctrl-Z after Accept puts every object back")
    studio.press_in_viewport("ctrl+shift+z")
    _agree(accepted, studio.objects(), "Ctrl-Shift-Z accepts again")
    studio.press_in_viewport("ctrl+z")
    for left in range(turns - 1, -1, -1):
        studio.press_in_viewport("ctrl+z")
        assert len(studio.turns()) == left, f"one undo step a turn: {left} were to be left, not {studio.turns()}"
        _agree(start, studio.originals(), "originals stay")
    studio.press_in_viewport(*["ctrl+shift+z"] * (turns + 1))
    _agree(accepted, studio.objects(), "all steps done again end where Accept did")
    return f"{turns} turns, {len(changed)} objects moved; {turns + 1} undo and redo steps agree to 1e-6"


def save_and_reload(bench: Bench) -> str:
    studio = Studio(bench, **{"preferences.key": KEY, "scene.turns": 2})
    session = studio.session
    start = studio.originals()
    studio.generate()
    studio.finish()
    turns = studio.turns()
    blend = session.home / "room.blend"
    session.ask("operator", name="wm.save_as_mainfile", filepath=str(blend), compress=False)
    content = blend.read_bytes()
    for secret in (KEY, f"{session.home}/tmp", "metaspatial-job", "/tmp/metaspatial"):
        assert secret.encode() not in content, f"the .blend holds {secret!r}"
    for path in session.home.rglob("*"):
        if path.is_file() and path.stat().st_size < 50_000_000 and KEY.encode() in _bytes(path):
            assert path.name == "key" and path.stat().st_mode & 0o777 == 0o600, f"{path} holds the key"
    session.ask("operator", name="wm.open_mainfile", filepath=str(blend))
    assert studio.turns() == turns, "the turns are in the reloaded file"
    _agree(start, studio.originals(), "originals stay")
    studio.sidebar.press(ACCEPT)
    session.ask("version")
    session.picture("accepted")
    assert moved(start, studio.originals()), "Accept works in the reloaded file"
    return f"{len(turns)} turns kept by a .blend of {len(content) / 1e6:.1f} MB, without path or key"


def _agree(before: Objects, after: Objects, what: str) -> None:
    assert not moved(before, after), f"{what}; but elsewhere are {moved(before, after)}"


def _bytes(path: Path) -> bytes:
    content = path.read_bytes()
    return gzip.decompress(content) if content[:2] == b"\x1f\x8b" and os.access(path, os.R_OK) else content
