"""A small model of the embedded one's kind, and environments that need no Blender."""

from __future__ import annotations

from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from headless.pretraining.export import write_model
from headless.pretraining.model import ModelShape, build

SHAPE = ModelShape(
    hidden=32, layers=2, heads=2, key_value_heads=1, feed_forward=48, vision_hidden=32, vision_layers=1, vision_heads=2
)


@pytest.fixture(scope="session")
def small_model(tmp_path_factory) -> Path:
    """A model folder with random weights, large enough that pictures and words are felt."""
    torch.manual_seed(5)
    model = build(SHAPE)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim > 1:
                parameter.add_(torch.randn_like(parameter) * 0.1)
    folder = tmp_path_factory.mktemp("models") / "small"
    folder.mkdir()
    write_model(model, folder, pictures=True)
    return folder


@pytest.fixture(scope="session")
def blank_model(tmp_path_factory) -> Path:
    """A model with small random weights: all answers are about equally likely."""
    torch.manual_seed(5)
    shape = ModelShape(hidden=32, layers=1, heads=2, key_value_heads=1, feed_forward=48, vision_hidden=32)
    folder = tmp_path_factory.mktemp("models") / "blank"
    folder.mkdir()
    write_model(build(shape), folder, pictures=False)
    return folder
