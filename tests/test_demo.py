"""The README's first command, as a newcomer runs it: in a fresh copy of the checkout, with nothing installed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[1]
NOT_IN_A_CLONE = shutil.ignore_patterns(".git", ".venv*", "out", "dist", "build", "*.egg-info", "__pycache__")


def make_demo(folder: Path) -> str:
    """Run `make demo` in `folder`; return what it printed."""
    environment = {"PATH": os.environ["PATH"], "HOME": os.environ["HOME"], "CI": "true", "PYTHON": base_python()}
    # Where this machine keeps packages is no part of what a clone brings.
    environment |= {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
    result = subprocess.run(
        ["make", "demo"], cwd=folder, env=environment, capture_output=True, text=True, timeout=800, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def base_python() -> str:
    """The Python that this environment was made with."""
    return str(Path(sys.base_prefix) / "bin" / f"python{sys.version_info[0]}.{sys.version_info[1]}")


@pytest.mark.slow
@pytest.mark.timeout(1700)
def test_a_fresh_clone_lays_out_the_demo_room(tmp_path: Path) -> None:
    clone = tmp_path / "metaspatial"
    shutil.copytree(CHECKOUT, clone, ignore=NOT_IN_A_CLONE)
    make_demo(clone)
    out = clone / "out" / "demo"
    written = {path.name for path in out.iterdir()}
    assert {"layout.json", "turns.jsonl", "scene.blend", "contact_sheet.png"} <= written
    assert {"turn_01_top.png", "turn_01_view.png"} <= written
    assert not list((clone / ".venv").glob("lib/python*/site-packages/torch")), "the demo installs no torch"

    first = (out / "layout.json").read_bytes()
    shutil.rmtree(out)
    assert "pip install" not in make_demo(clone), "a second call installs nothing"
    assert (out / "layout.json").read_bytes() == first, "one seed, one layout"
