"""The embedded model's vocabulary: the tokens of the models that are shipped, by the table of furniture."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from metaspatial_addon.core.furniture import FURNITURE, UNKNOWN
from metaspatial_addon.prompts import vocabulary as v

MODELS = Path(__file__).parents[2] / "assets" / "models"


@pytest.mark.parametrize("path", sorted(MODELS.glob("*/tokenizer.json")), ids=lambda path: path.parent.name)
def test_tokens_are_those_of_every_shipped_model_in_its_order(path):
    ids = json.loads(path.read_text(encoding="utf-8"))["model"]["vocab"]
    assert sorted(ids, key=ids.__getitem__) == list(v.TOKENS)
    assert sorted(ids.values()) == list(range(len(v.TOKENS)))


def test_known_rows_and_no_others_have_a_token():
    tokens = set(v.TOKENS)
    for name, row in FURNITURE.categories.items():
        assert (v.category_token(name) in tokens) == row.known, name
    assert UNKNOWN in v.CATEGORIES


def test_every_number_has_its_value():
    assert v.NUMBER_VALUES[v.TOKEN_IDS[',"x0":1.225']] == 1.225 and v.NUMBER_VALUES[v.TOKEN_IDS[" h0.07\n"]] == 0.07
    assert v.TOKEN_IDS["bedroom:"] not in v.NUMBER_VALUES


def test_furniture_words_are_those_of_known_rows():
    rows = [FURNITURE.categories[name] for name in v.CATEGORIES]
    used = {word for row in rows for name in (row.name, *row.words) for word in name.split()}
    assert {word for word in v.FURNITURE_WORDS if word not in used} == {"workplace", "chairs"}
