"""Pretrains the embedded model on rooms drawn at random.

python headless/pretrain.py --config headless/configs/pretrain_tiny.toml --run runs/tiny
blender -b -P headless/pretrain.py -- --config headless/configs/pretrain_tiny.toml --run runs/tiny
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from headless import cli
from headless.packages import not_installed


def main(arguments: list[str]) -> None:
    parser = cli.parser(
        "pretrain.py", "Teach the embedded model to place and to repair, from layouts that are made ahead"
    )
    cli.add_run_arguments(parser)
    options = parser.parse_args(arguments)
    try:
        from headless.pretraining.config import read_config
        from headless.pretraining.train import run

        config = read_config(options.config, options.set)
        if config.wandb:
            import wandb  # noqa: F401 (asked for before anything is loaded)
    except ModuleNotFoundError as error:
        raise cli.CommandError(not_installed(error, "train,wandb" if error.name == "wandb" else "train")) from error
    run(config, Path(options.run), options.resume, options.set)


if __name__ == "__main__":
    cli.run(main)
