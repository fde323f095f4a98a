"""Hold versions together and print the newest notes: `python tools/check_release.py [TAG]`.

The version stands in blender_manifest.toml, pyproject.toml and the newest heading of CHANGELOG.md. With a tag, such as
`v1.2.3`, it must be that version, and the changelog must not call it unreleased. One line and exit code
1 where they differ.
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]
HEADING = re.compile(r"^## (\S+)(.*)$", re.MULTILINE)


def newest_entry(changelog: str) -> tuple[str, str, str]:
    """Version, what follows it in the heading, and the text of the newest entry. Raises ValueError without one."""
    headings = list(HEADING.finditer(changelog))
    if not headings:
        raise ValueError("CHANGELOG.md: expected a heading such as '## 1.2.3'")
    end = headings[1].start() if len(headings) > 1 else len(changelog)
    return headings[0][1], headings[0][2].strip(), changelog[headings[0].end() : end].strip()


def check(checkout: Path, tag: str = "") -> str:
    """The notes of the newest version. Raises ValueError where versions differ or the tag is of another."""
    read = {name: (checkout / name).read_text(encoding="utf-8") for name in ("blender_manifest.toml", "pyproject.toml")}
    manifest = tomllib.loads(read["blender_manifest.toml"])["version"]
    project = tomllib.loads(read["pyproject.toml"])["project"]["version"]
    newest, remark, notes = newest_entry((checkout / "CHANGELOG.md").read_text(encoding="utf-8"))
    if not manifest == project == newest:
        raise ValueError(f"blender_manifest.toml has {manifest}, pyproject.toml {project}, CHANGELOG.md {newest}")
    if tag and tag != f"v{manifest}":
        raise ValueError(f"the tag is {tag}, and the version {manifest}: expected v{manifest}")
    if tag and "not yet released" in remark:
        raise ValueError(f"CHANGELOG.md: '## {newest} {remark}': expected the date of the release")
    return notes


if __name__ == "__main__":
    try:
        print(check(CHECKOUT, *sys.argv[1:2]))
    except ValueError as error:
        sys.exit(str(error))
