"""Prints what pyproject.toml asks of a package that training needs: requirement.py NAME"""

import re
import sys
import tomllib
from pathlib import Path

[name] = sys.argv[1:]
project = tomllib.loads((Path(__file__).resolve().parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
[requirement] = (line for line in project["optional-dependencies"]["train"] if re.split(r"[^\w-]", line)[0] == name)
print(requirement)
