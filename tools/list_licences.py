"""Write docs/licences.md: what the commands of the Makefile install, each with version, licence and use.

Run with the Python of an environment that `make test` and `make lint` have set up; what each package says of itself is
read there. `--check` changes nothing, and fails where the page is not up to date.
"""

from __future__ import annotations

import importlib.metadata
import re
import sys
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

CHECKOUT = Path(__file__).resolve().parents[1]
PAGE = CHECKOUT / "docs" / "licences.md"
LOCKS = ("demo", "test", "lint")
_SHORT = {
    "Apache License 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "Apache 2.0 License": "Apache-2.0",
    "Apache 2.0": "Apache-2.0",
    "Apache": "Apache-2.0",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "BSD License": "BSD",
    "MIT License": "MIT",
    "3-Clause BSD License": "BSD-3-Clause",
    "ISC License": "ISC",
}
"""Names of licences as packages write them, and in short."""

_HEAD = """# Licences of what is installed
The extension's zip holds our own code and model (GPL-3.0-or-later) and furniture (CC0); inside Blender it needs
nothing but Blender's own Python and numpy. The commands of a checkout install the packages below, on Python 3.11 and
Linux; `make demo` needs the first part of them. Written by `tools/list_licences.py` from what each package says of
itself. torch is not locked (CONTRIBUTING.md): what it needs itself is not listed. Nor are the optional groups gymnasium
(MIT), openenv (BSD-3-Clause) and trl (Apache-2.0), with what they need.
"""
_TITLES = {"demo": "make demo", "test": "make test, beside these", "lint": "make lint, beside these"}


def locked(name: str) -> dict[str, str]:
    """Versions by package of requirements/NAME.txt, as far as they are for this Python and system."""
    lines = (CHECKOUT / "requirements" / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    found: dict[str, str] = {}
    for line in lines:
        if line and not line.startswith(("#", " ")):
            requirement = Requirement(line.rstrip(" \\"))
            if requirement.marker is None or requirement.marker.evaluate():
                found[canonicalize_name(requirement.name)] = str(requirement.specifier).removeprefix("==")
    return found


def licence_of(package: str) -> str:
    """What an installed package says of its licence. Raises PackageNotFoundError."""
    data = importlib.metadata.metadata(package)
    classified = [
        text.rpartition(" :: ")[2] for text in data.get_all("Classifier") or [] if text.startswith("License ::")
    ]
    one_line = (data["License"] or "").strip()
    said = data["License-Expression"] or ("" if "\n" in one_line else one_line) or ", ".join(classified)
    return _SHORT.get(said, said) or "not stated"


def page() -> str:
    """The page's text. Raises SystemExit where a package is not installed."""
    text, listed = _HEAD, set()
    for name in LOCKS:
        text += f"\n## {_TITLES[name]}\n| package | version | licence |\n|---|---|---|\n"
        packages = locked(name) | ({"torch": _torch_version()} if name == "test" else {})
        for package, version in sorted(packages.items()):
            if package not in listed:
                try:
                    text += f"| {package} | {version} | {licence_of(package)} |\n"
                except importlib.metadata.PackageNotFoundError:
                    raise SystemExit(f"{package} is not installed here: make test lint") from None
                listed.add(package)
    return text


def _torch_version() -> str:
    makefile = (CHECKOUT / "Makefile").read_text(encoding="utf-8")
    match = re.search(r"torch==(\S+)", makefile)
    assert match is not None, "the Makefile installs torch"
    return match[1]


def main() -> int:
    text = page()
    if "--check" not in sys.argv[1:]:
        PAGE.write_text(text, encoding="utf-8")
    elif not PAGE.is_file() or PAGE.read_text(encoding="utf-8") != text:
        print(f"{PAGE.relative_to(CHECKOUT)} is not up to date: python tools/list_licences.py", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
