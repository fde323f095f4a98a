"""Pretrains the embedded model on rooms drawn at random.

python headless/pretrain.py --config headless/configs/pretrain_tiny.toml --run runs/tiny
blender -b -P headless/pretrain.py -- --config headless/configs/pretrain_tiny.toml --run runs/tiny
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from headless import cli, option_types
from headless.packages import not_installed
from metaspatial_addon.core.shipped import shipped


def main(arguments: list[str]) -> None:
    parser = cli.parser(
        "pretrain.py", "Teach the embedded model to place and to repair, from layouts that are made ahead"
    )
    parser.add_argument("--config", required=True, type=shipped, help="a TOML file, see headless/configs/")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        type=option_types.text,
        metavar="KEY=VALUE",
        help="change a key of the file",
    )
    parser.add_argument("--run", required=True, metavar="DIR", help="folder for checkpoints and metrics")
    parser.add_argument("--resume", action="store_true", help="go on from the folder's last checkpoint")
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
