"""The vision-language model that grades renders of layouts: its options on the command line, and how it is opened.

Used by `score.py` and by training. The judge's grade is a term of its own beside the measured `view`.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass

from metaspatial_addon.policy.base import Policy
from metaspatial_addon.scoring.judge import Judge

from .cli import CommandError
from .option_types import positive


@dataclass(frozen=True)
class JudgeSettings:
    """A judge as a command line or a configuration names it.

    `model` is the name of a model behind the OpenAI-compatible server at `url`; without a `url`, the folder or hub id
    of a model that runs in this process. Its grades are the means over `samples` replies to each pair of renders.
    """

    model: str
    url: str = ""
    samples: int = 1


def open_judge(settings: JudgeSettings) -> Judge:
    """Open a judge. A server is first asked when something is graded; its key is that of METASPATIAL_API_KEY.

    Raises PolicyError for an address, a key or a local model that cannot be used, ValueError for `samples` below 1.
    """
    policy: Policy
    if settings.url:
        from metaspatial_addon.policy.endpoint.policy import EndpointPolicy

        policy = EndpointPolicy(settings.url, settings.model, needs_images=True)
    else:
        from metaspatial_addon.policy.local import LocalPolicy

        policy = LocalPolicy(settings.model)
    return Judge(policy, settings.samples)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add --judge, --judge-url and --judge-samples."""
    group = parser.add_argument_group("a judge", "a vision-language model grades two renders of each layout")
    group.add_argument(
        "--judge", metavar="MODEL", help="with --judge-url: the model's name there; else a local folder or hub id"
    )
    group.add_argument(
        "--judge-url",
        metavar="URL",
        help="the server's base address, as http://localhost:8000/v1; its key is read from METASPATIAL_API_KEY",
    )
    group.add_argument(
        "--judge-samples", metavar="N", type=positive, help="replies that a grade is the mean of; else 1"
    )


def judge_of(args: argparse.Namespace, renders: bool) -> Judge | None:
    """The judge that the arguments name, if they name one. Raises CommandError, also where nothing is rendered."""
    if args.judge is None:
        for option in ("judge_url", "judge_samples"):
            if getattr(args, option) is not None:
                raise CommandError(f"--{option.replace('_', '-')} goes with --judge MODEL")
        return None
    if not renders:
        raise CommandError("--judge grades renders: leave out --no-render")
    return open_judge(JudgeSettings(args.judge, args.judge_url or "", args.judge_samples or 1))
