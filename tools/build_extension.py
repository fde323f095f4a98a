"""Build the zip that Blender installs, dist/metaspatial-VERSION.zip.

The bpy wheel brings Blender's own command for this as a plain Python script, so no Blender need be installed.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import tomllib
from pathlib import Path

CHECKOUT = Path(__file__).parents[1]


def blender_command() -> Path:
    """Where the installed bpy keeps the script behind `blender --command extension`."""
    spec = importlib.util.find_spec("bpy")
    if spec is None or spec.origin is None:
        raise SystemExit("bpy is not installed here: run `make extension`")
    return next(Path(spec.origin).parent.glob("*/scripts/addons_core/bl_pkg/cli/blender_ext.py"))


def build(output: Path) -> Path:
    """Build and validate the extension; return its zip."""
    manifest = tomllib.loads((CHECKOUT / "blender_manifest.toml").read_text(encoding="utf-8"))
    archive = output / f"{manifest['id']}-{manifest['version']}.zip"
    output.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-I", str(blender_command())]
    subprocess.run(
        [*command, "build", "--source-dir", str(CHECKOUT), "--output-filepath", str(archive)],
        check=True,
        stdin=subprocess.DEVNULL,
    )
    subprocess.run([*command, "validate", str(archive)], check=True, stdin=subprocess.DEVNULL)
    return archive


if __name__ == "__main__":
    print(build(CHECKOUT / "dist"))
