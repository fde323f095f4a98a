"""The command `metaspatial`, which an installed package has: `metaspatial COMMAND …` runs `headless/COMMAND.py …`."""

from __future__ import annotations

import importlib
import sys
from typing import NoReturn

from headless import cli

COMMANDS = {
    "generate": "lay out a room: a task, or a .blend and a prompt",
    "score": "score layouts or answers",
    "tasks": "make rooms to furnish",
    "evaluate": "measure a policy on such tasks, beside baselines",
    "pretrain": "teach the embedded model",
    "train": "train a model by multi-turn GRPO",
    "serve": "serve the environment by OpenEnv's protocol",
}
USAGE = "\n".join(
    ("usage: metaspatial COMMAND …", *(f"  {name:10s}{what}" for name, what in COMMANDS.items()))
    + ("metaspatial COMMAND --help lists its options",)
)


def main() -> NoReturn:
    """Run the command that the first argument names, with those after it."""
    name = sys.argv[1] if len(sys.argv) > 1 else "--help"
    if name not in COMMANDS:
        cli.run(_no_command)
    sys.argv = [f"metaspatial {name}", *sys.argv[2:]]
    cli.run(importlib.import_module(f"headless.{name}").main)


def _no_command(argv: list[str]) -> None:
    """Say which commands there are. Raises CommandError for one that is not there."""
    if argv and argv[0] not in ("-h", "--help"):
        raise cli.CommandError(f"metaspatial: expected one of {', '.join(COMMANDS)}, got {argv[0]!r}")
    cli.output(*USAGE.split("\n"))


if __name__ == "__main__":
    main()
