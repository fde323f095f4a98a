"""The add-on in a real Blender window, driven as a person drives it. Run in a chroot by tools/test_gui.sh.

python3 -m tests.gui.run --out DIR [--server URL MODEL] [SCENARIO …]

Prints a line for each scenario with its figures; keeps pictures and logs in DIR; exits 1 where one fails.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
import traceback
from pathlib import Path

from tests.gui.desktop import Desktop
from tests.gui.scenarios import SCENARIOS
from tests.gui.session import Bench

CHECKOUT = Path(__file__).parents[2]


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("scenarios", nargs="*", metavar="SCENARIO", help=f"of {', '.join(SCENARIOS)}; else all")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="for pictures and logs")
    parser.add_argument("--server", nargs=2, metavar=("URL", "MODEL"), help="a model server that is running")
    args = parser.parse_args()
    unknown = sorted(set(args.scenarios) - set(SCENARIOS))
    if unknown:
        parser.error(f"there is no scenario {unknown[0]}")
    args.out.mkdir(parents=True, exist_ok=True)
    profile = install(args.out)
    desktop = Desktop(args.out / "xvfb.log")
    failed = []
    try:
        for name in args.scenarios or SCENARIOS:
            began = time.monotonic()
            bench = Bench(desktop, profile, args.out / name, args.server)
            try:
                figures = SCENARIOS[name](bench)
                bench.close()
                outcome = f"passed  {figures}"
            except Exception:
                failed.append(name)
                desktop.picture(bench.folder / "failed.png")
                bench.close(checked=False)
                outcome = "FAILED\n" + traceback.format_exc()
            print(f"{name} ({time.monotonic() - began:.0f} s): {outcome}", flush=True)
    finally:
        desktop.close()
    print(f"{len(failed)} failed: {', '.join(failed)}" if failed else "all scenarios passed")
    return 1 if failed else 0


def install(folder: Path) -> Path:
    """A fresh home folder with the extension built, installed and enabled by Blender's own commands."""
    home = Path("/tmp/profile")
    home.mkdir()
    environment = {**os.environ, "HOME": str(home)}
    with (folder / "install.log").open("w") as log:
        for words in (
            ["build", "--source-dir", str(CHECKOUT), "--output-filepath", "/tmp/metaspatial.zip"],
            ["install-file", "-r", "user_default", "-e", "/tmp/metaspatial.zip"],
        ):
            command = ["blender", "--command", "extension", *words]
            ended = subprocess.run(
                command, env=environment, stdout=log, stderr=log, stdin=subprocess.DEVNULL, timeout=120
            )
            if ended.returncode:
                sys.exit(f"the extension could not be installed:\n{Path(log.name).read_text()[-2000:]}")
    return home


if __name__ == "__main__":
    sys.exit(main())
