"""The log of a run in Weights & Biases, beside its own files. Needs the package wandb."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import wandb

from headless.cli import CommandError
from metaspatial_addon.core.files import write_file
from metaspatial_addon.core.reading import read_json

FILE = "wandb.json"
"""In the run's folder: the `id` under which Weights & Biases knows the run, so that it goes on there when resumed."""


class WandbLog:
    """A run of the project `project`, named as `folder` is, with the run's configuration; figures stand over `step`.

    Where it is sent to is wandb's own to set: `wandb login`, WANDB_MODE=offline, WANDB_ENTITY. Nothing of this machine
    is sent along: no output, no code, no names. Raises CommandError where wandb cannot begin.
    """

    def __init__(self, folder: Path, project: str, config: Any):
        path = folder / FILE
        if not path.exists():
            write_file(path, json.dumps({"id": uuid.uuid4().hex[:8]}).encode())
        settings = wandb.Settings(console="off", disable_git=True, disable_code=True, x_disable_meta=True)
        try:
            self._run = wandb.init(
                project=project,
                name=folder.resolve().name,
                id=read_json(path)["id"],
                resume="allow",
                dir=str(folder),
                config=asdict(config),
                settings=settings,
            )
        except wandb.Error as error:
            reason = " ".join(str(error).split())
            raise CommandError(f"wandb: {reason}: log in with `wandb login`, or set WANDB_MODE=offline") from error
        self._run.define_metric("*", step_metric="step")

    def write(self, step: int, metrics: Mapping[str, float]) -> None:
        self._run.log({"step": step, **metrics})

    def image(self, step: int, name: str, png: Path) -> None:
        self._run.log({"step": step, name: wandb.Image(str(png))})

    def close(self, failed: bool) -> None:
        self._run.finish(exit_code=int(failed))
