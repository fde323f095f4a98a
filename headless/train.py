"""Trains a model by multi-turn GRPO, with Blender's physics and renders as the reward.

python headless/train.py --config headless/configs/tiny.toml --run runs/grpo
blender -b -P headless/train.py -- --config headless/configs/tiny.toml --run runs/grpo
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from headless import cli, option_types
from headless.packages import not_installed


def main(arguments: list[str]) -> None:
    parser = cli.parser("train.py", "Train a model by multi-turn GRPO inside headless Blender")
    cli.add_run_arguments(parser)
    parser.add_argument("--check", action="store_true", help="try one episode and one backward pass, and stop")
    parser.add_argument("--merge", action="store_true", help="only write the last checkpoint without an adapter")
    parser.add_argument(
        "--workers",
        type=option_types.not_negative,
        metavar="N",
        help="processes to play in, 0 for this one; one a core if not given",
    )
    parser.add_argument("--ray", metavar="ADDRESS", help="have the workers in a Ray cluster; auto: the one here")
    options = parser.parse_args(arguments)
    workers = own_cores() if options.workers is None and not options.ray else options.workers
    if options.ray and not workers:
        raise cli.CommandError("--workers: expected a number, with --ray above 0")
    try:
        from headless.rl.config import read_config

        config = read_config(options.config, options.set)
        if config.rendering == "full":
            import peft  # noqa: F401 (asked for before anything is loaded)
        if config.rendering == "full" or config.gallery_every:
            import PIL  # noqa: F401
        if options.ray:
            import ray  # noqa: F401
        if config.wandb:
            import wandb  # noqa: F401
        from headless.rl.check import check
        from headless.rl.run import merge_last, train
    except ModuleNotFoundError as error:
        extras = {"bpy": "bpy,train", "ray": "train,ray", "wandb": "train,wandb"}.get(error.name or "", "train")
        raise cli.CommandError(not_installed(error, extras)) from error
    if config.wandb and not workers:
        raise cli.CommandError(
            "wandb: expected --workers above 0: Blender's physics cannot work beside the threads of wandb"
        )
    if options.check:
        check(config, workers, options.ray or "")
    elif options.merge:
        merge_last(config, Path(options.run))
    else:
        train(config, Path(options.run), options.resume, workers, options.ray or "", options.set)


def own_cores() -> int:
    """This process's share of the cores that it may use; 0, to play here, where that is a single one."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    share = cores // int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    return share if share > 1 else 0


if __name__ == "__main__":
    cli.run(main)
