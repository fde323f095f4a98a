"""Build the zip that Blender installs, dist/metaspatial-VERSION.zip, from files that git tracks.

A checkout also holds runs, reports, rooms and keys of whoever works in it. The bpy wheel brings Blender's own command
for extensions as a plain Python script, so no Blender need be installed. The same files give the same zip, to the byte.
"""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from pathlib import Path

CHECKOUT = Path(__file__).parents[1]

CONTENTS = (
    "__init__.py",
    "blender_manifest.toml",
    "CHANGELOG.md",
    "LICENSE",
    "README.md",
    "assets/furniture",
    "assets/models",
    "metaspatial_addon",
)
"""Files and folders of the checkout that go into the zip, less what the manifest leaves out of them."""

EPOCH = (1980, 1, 1, 0, 0, 0)
"""The earliest time that a zip can tell: that of every file in it."""


def blender_command() -> Path:
    """Where the installed bpy keeps the script behind `blender --command extension`."""
    spec = importlib.util.find_spec("bpy")
    if spec is None or spec.origin is None:
        raise SystemExit("bpy is not installed here: run `make extension`")
    return next(Path(spec.origin).parent.glob("*/scripts/addons_core/bl_pkg/cli/blender_ext.py"))


def listed_files(checkout: Path, *options: str) -> list[str]:
    """The files of CONTENTS in the working tree that `git ls-files` lists, by default those that it tracks.

    Raises SystemExit where git cannot tell.
    """
    command = ["git", "-C", str(checkout), "ls-files", "-z", *options, "--", *CONTENTS]
    try:
        listed = subprocess.run(command, check=True, capture_output=True, stdin=subprocess.DEVNULL).stdout
    except FileNotFoundError:
        raise SystemExit("git is not installed here: it tells which files belong in the zip") from None
    except subprocess.CalledProcessError as error:
        raise SystemExit(f"{checkout}: git cannot list its files: {error.stderr.decode().strip()}") from None
    return [name for name in listed.decode().split("\0") if name and (checkout / name).is_file()]


def _write_alike(built: Path, archive: Path) -> None:
    """Write the files of a zip into another that depends on nothing else: not on time, rights or order of files."""
    with zipfile.ZipFile(built) as source, zipfile.ZipFile(archive, "w") as target:
        for name in sorted(source.namelist()):
            entry = zipfile.ZipInfo(name, EPOCH)
            entry.external_attr = 0o644 << 16
            entry.create_system = 3  # Unix, wherever it is built
            target.writestr(entry, source.read(name), zipfile.ZIP_DEFLATED, 9)


def build(output: Path, checkout: Path = CHECKOUT) -> Path:
    """Build and validate the extension; return its zip."""
    manifest = tomllib.loads((checkout / "blender_manifest.toml").read_text(encoding="utf-8"))
    archive = output.resolve() / f"{manifest['id']}-{manifest['version']}.zip"
    archive.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-I", str(blender_command())]
    for name in listed_files(checkout, "--others", "--exclude-standard"):
        print(f"left out, since git does not track it: {name}", file=sys.stderr)
    with tempfile.TemporaryDirectory(prefix="metaspatial_extension_") as folder:
        for name in listed_files(checkout):
            copy = Path(folder, name)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(checkout / name, copy)
        built = Path(folder, archive.name)
        subprocess.run(
            [*command, "build", "--source-dir", folder, "--output-filepath", str(built)],
            check=True,
            stdin=subprocess.DEVNULL,
        )
        _write_alike(built, archive)
    subprocess.run([*command, "validate", str(archive)], check=True, stdin=subprocess.DEVNULL)
    return archive


if __name__ == "__main__":
    print(build(CHECKOUT / "dist"))
