"""The options with which commands choose a policy and how it is sampled, and the policy that they name."""

from __future__ import annotations

import argparse
import copy

from metaspatial_addon.core.shipped import shipped
from metaspatial_addon.policy.base import DEFAULT_MAX_TOKENS, Policy, builtin_samples

from .cli import CommandError
from .option_types import positive, temperature

DEFAULT_SAMPLES = {"builtin": 8, "planner": 1, "local": 1, "endpoint": 1}
"""Answers a turn by kind of policy, where --samples is not given: the embedded model is cheap."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add --policy, --model, --adapter, --url and --max-tokens, and --turns, --samples and --temperature."""
    parser.add_argument(
        "--policy",
        choices=tuple(DEFAULT_SAMPLES),
        default="builtin",
        help="who answers: the embedded model, rules without a model, or a model of yours",
    )
    parser.add_argument(
        "--model",
        type=shipped,
        help="builtin: a model folder instead of the embedded one; local: a folder or hub id; endpoint: a name",
    )
    parser.add_argument("--adapter", help="local: folder or hub id of a peft adapter")
    parser.add_argument("--url", help="endpoint: the server's base address, as http://localhost:8000/v1")
    parser.add_argument(
        "--max-tokens",
        type=positive,
        metavar="N",
        help="local, endpoint: of an answer, its thoughts included; else 4096",
    )
    parser.add_argument("--turns", type=positive, default=3, help="turns at most")
    parser.add_argument(
        "--samples",
        type=positive,
        help="answers a turn; else 8 for builtin (generate.py: fewer of more than 40 items), 1 for others",
    )
    parser.add_argument("--temperature", type=temperature, help="of sampling; 0 takes the likeliest answer")
    parser.add_argument(
        "--free-places",
        choices=("on", "off"),
        default="on",
        help="builtin: offer only places inside the room, clear and carried (default), or any",
    )
    parser.add_argument(
        "--tidy",
        choices=("on", "off"),
        default="on",
        help="repair measured faults after each turn by moves of at most 15 cm (default), or leave them",
    )


def default_samples(policy: str, items: int) -> int:
    """Answers a turn by a kind of policy for a room with so many items to place, where --samples is not given."""
    return builtin_samples(items) if policy == "builtin" else DEFAULT_SAMPLES[policy]


def without_free_places(policy: Policy) -> Policy:
    """The policy without the places that geometry finds for it; one that is offered none is returned itself."""
    from metaspatial_addon.policy.builtin.policy import BuiltinPolicy

    if not isinstance(policy, BuiltinPolicy):
        return policy
    alone = copy.copy(policy)
    alone.free_places = False
    return alone


def open_policy(args: argparse.Namespace) -> Policy:
    """The policy that the arguments name. Raises CommandError, InputError or PolicyError."""
    for name, kinds in (("url", ("endpoint",)), ("adapter", ("local",)), ("max_tokens", ("local", "endpoint"))):
        if getattr(args, name) is not None and args.policy not in kinds:
            raise CommandError(f"--{name.replace('_', '-')} goes with --policy {' or '.join(kinds)}")
    max_tokens = args.max_tokens or DEFAULT_MAX_TOKENS
    if args.policy == "builtin":
        from metaspatial_addon.policy.builtin.policy import DEFAULT_MODEL, BuiltinPolicy

        return BuiltinPolicy(args.model or DEFAULT_MODEL, args.free_places == "on")
    if args.policy == "planner":
        if args.model is not None:
            raise CommandError("--policy planner has no model: leave out --model")
        from metaspatial_addon.policy.planner.policy import PlannerPolicy

        return PlannerPolicy()
    if args.model is None:
        raise CommandError(f"--policy {args.policy} needs --model")
    if args.policy == "local":
        from metaspatial_addon.policy.local import LocalPolicy

        return LocalPolicy(args.model, adapter=args.adapter, max_new_tokens=max_tokens)
    if args.url is None:
        raise CommandError("--policy endpoint needs --url")
    from metaspatial_addon.policy.endpoint.policy import EndpointPolicy

    return EndpointPolicy(args.url, args.model, max_new_tokens=max_tokens)
