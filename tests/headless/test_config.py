"""The reader of configurations: what dataclasses declare is what a file may say, and what is written reads back."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest

from headless.config import Check, bounded, read_dataclass, write_config
from metaspatial_addon.core.errors import InputError


@dataclass(frozen=True)
class Engine:
    power: float = bounded(1.5, above=0, at_most=9)
    fuel: Literal["diesel", "steam"] = "steam"


@dataclass(frozen=True)
class Wagon:
    seats: int = 40
    name: str = ""

    def __post_init__(self) -> None:
        if self.seats == 13:
            raise ValueError("13 seats bring bad luck")


@dataclass(frozen=True)
class Train:
    number: int = bounded(1, at_least=1)
    express: bool = False
    engine: Engine = field(default_factory=Engine)
    brake: Engine | Literal["none"] = "none"
    wagons: tuple[Wagon, ...] = ()


RENAMED = {"engine.strength": "engine.power"}
CHECKS = (Check(lambda c: c.number < 100 or c.express, "number", "less than 100 with express = {c.express}"),)


def read(path: Path, *changes: str) -> Train:
    return read_dataclass(Train, str(path), changes, RENAMED, CHECKS)


@pytest.fixture
def file(tmp_path) -> Path:
    path = tmp_path / "train.toml"
    path.write_text("number = 7\n[engine]\npower = 2\n[[wagons]]\nseats = 30\n[[wagons]]\n", encoding="utf-8")
    return path


def test_what_is_not_in_the_file_is_the_default(file):
    train = read(file)
    assert train == Train(7, engine=Engine(2.0), wagons=(Wagon(30), Wagon()))
    assert isinstance(train.engine.power, float)


def test_changes_come_on_top_and_words_need_no_quotes(file):
    train = read(file, "engine.fuel=diesel", "express=true", "number=0x10", "brake={power=0.5}", "wagons=[{name='a'}]")
    assert train == Train(16, True, Engine(2.0, "diesel"), Engine(0.5), (Wagon(name="a"),))
    assert read(file, "brake.fuel=diesel").brake == Engine(fuel="diesel")


@pytest.mark.parametrize("name", ["plain", 'with "quotes" and \\', "Zoë 🚂", "line\nbreak\ttab", "\x01\x1f\x7f", ""])
def test_what_is_written_reads_back(file, name):
    train = Train(3, True, Engine(1e-7, "diesel"), Engine(9.0), (Wagon(1, name), Wagon(2)))
    write_config(train, file)
    assert read(file) == train
    write_config(Train(), file)
    assert read(file) == Train()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("speed=3", "--set: speed: expected one of number, express, engine, brake, wagons"),
        ("engine.strength=3", "--set: engine.strength: expected its new name, engine.power"),
        ("engine.power=0", "engine.power: expected a number above 0 and of at most 9, got 0.0"),
        ("engine.power=9.5", "engine.power: expected a number above 0 and of at most 9, got 9.5"),
        ("engine.power=inf", "engine.power: expected a finite number, got inf"),
        (f"engine.power=1{'0' * 90}", "engine.power: expected a number above 0 and of at most 9, got 1e+90"),
        (f"engine.power=1{'0' * 400}", "engine.power: expected a value of type float, got '1000"),
        (f"number={2**63}", "number: expected a whole number of at most 64 bits"),
        (f"number={'9' * 5000}", "number: expected a value of type int, got '999"),
        ("engine.power=true", "engine.power: expected a value of type float, got True"),
        ("engine.fuel=coal", "engine.fuel: expected one of diesel, steam, got 'coal'"),
        ("engine.fuel=[1]", "engine.fuel: expected one of diesel, steam, got [1]"),
        ("brake=air", "brake: expected a table or one of none, got 'air'"),
        ("brake={fuel=3}", "brake.fuel: expected one of diesel, steam, got 3"),
        ("express=1", "express: expected a value of type bool, got 1"),
        ("wagons={}", "wagons: expected a list of tables, got {}"),
        ("wagons=[{}, 3]", "wagons[1]: expected a table, got 3"),
        ("wagons=[{seats=-1}]", "wagons[0].seats: expected a number of at least 0, got -1"),
        ("wagons=[{seats=13}]", "wagons[0]: expected other values (13 seats bring bad luck)"),
        ("number=100", "--set: number: expected less than 100 with express = False, got 100"),
        ("number.x=1", "--set: number.x: expected number to be a table"),
        ("number", "--set: number: expected key=value"),
    ],
)
def test_what_cannot_be_is_one_line_with_file_key_and_expectation(file, change, message):
    with pytest.raises(InputError) as caught:
        read(file, change)
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_what_the_file_itself_has_is_told_of_the_file_beside_changes(file):
    file.write_text("speed = 3\n")
    with pytest.raises(InputError, match=r"train.toml: speed: expected one of number"):
        read(file, "number=3")


def test_a_file_that_is_no_toml_is_named(tmp_path):
    broken = tmp_path / "broken.toml"
    broken.write_bytes(b"number = \xff")
    for path in (broken, tmp_path / "none.toml"):
        with pytest.raises(InputError, match=f"{path.name}: expected a readable file"):
            read(path)


def test_a_number_of_thousands_of_digits_is_one_line(file):
    file.write_text(f"number = {'9' * 5000}")
    with pytest.raises(InputError, match=r"train.toml: expected TOML \(.*\)$"):
        read(file)


@pytest.mark.parametrize("text", ["number = " + "[" * 5000 + "]" * 5000, "number = " + "{a=" * 5000 + "1" + "}" * 5000])
def test_toml_that_is_nested_too_deep_is_one_line(file, text):
    with pytest.raises(InputError, match=r"^--set: number: expected TOML \(.*\)$"):
        read(file, text)
    file.write_text(text)
    with pytest.raises(InputError, match=r"train.toml: expected TOML \(.*\)$"):
        read(file)
