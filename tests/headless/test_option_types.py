"""Numbers on command lines: what makes no sense is refused in one line that names the option, before any work."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from headless import cli, evaluate, generate, option_types, score

CHECKOUT = Path(__file__).parents[2]
BLEND = ("--blend", "examples/studio.blend", "--prompt", "a bed")


@pytest.mark.parametrize(
    ("option", "values", "expected"),
    [
        ("--size", ("5", "4", "nan"), "metres, above 0 and at most 1000, got 'nan'"),
        ("--size", ("5", "inf", "2.7"), "metres, above 0 and at most 1000, got 'inf'"),
        ("--size", ("0", "4", "2.7"), "metres, above 0 and at most 1000, got '0'"),
        ("--size", ("1e9", "1e9", "2.7"), "metres, above 0 and at most 1000, got '1e9'"),
        ("--size", ("wide", "4", "2.7"), "metres, above 0 and at most 1000, got 'wide'"),
        ("--height", ("-2",), "metres, above 0 and at most 1000, got '-2'"),
        ("--temperature", ("nan",), "0, or a number from 0.001 to 100, got 'nan'"),
        ("--temperature", ("-1",), "0, or a number from 0.001 to 100, got '-1'"),
        ("--temperature", ("1e-320",), "0, or a number from 0.001 to 100, got '1e-320'"),
        ("--temperature", ("1e999",), "0, or a number from 0.001 to 100, got '1e999'"),
        ("--samples", ("0",), "a whole number of at least 1, got '0'"),
        ("--samples", ("1.5",), "a whole number of at least 1, got '1.5'"),
        ("--samples", ("9" * 5000,), f"a whole number of at least 1, got '{'9' * 40}'"),
        ("--turns", ("-3",), "a whole number of at least 1, got '-3'"),
        ("--turns", ("99999999999",), "a whole number of at most 2147483647, got '99999999999'"),
        ("--seed", ("-1",), "a whole number of at least 0, got '-1'"),
    ],
)
def test_a_number_that_makes_no_sense_is_named_with_what_is_expected(tmp_path, option, values, expected):
    out = tmp_path / "out"
    with pytest.raises(cli.CommandError) as refused:
        generate.main([*BLEND, "--out", str(out), option, *values])
    assert str(refused.value).startswith(f"argument {option}: expected {expected}")
    assert not out.exists()


@pytest.mark.parametrize(
    ("main", "arguments"),
    [
        (evaluate.main, ["--tasks", "x.jsonl", "--out", "x", "--temperature", "inf"]),
        (score.main, ["--pairs", "x.jsonl", "--judge", "x", "--judge-samples", "0"]),
    ],
)
def test_other_commands_refuse_them_too(main, arguments):
    with pytest.raises(cli.CommandError, match=f"argument {arguments[-2]}: expected .*, got '{arguments[-1]}'"):
        main(arguments)


def test_numbers_that_make_sense_are_taken():
    assert (
        option_types.temperature("0") == 0
        and option_types.temperature("0.7") == 0.7
        and option_types.temperature("1e-3") == 0.001
    )
    assert option_types.length("2.5") == 2.5 and option_types.positive("8") == 8 and option_types.not_negative("0") == 0


def test_the_process_ends_with_one_line_and_exit_code_2(tmp_path):
    command = [
        sys.executable,
        "headless/generate.py",
        *BLEND,
        "--out",
        str(tmp_path / "out"),
        "--size",
        "5",
        "4",
        "nan",
    ]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, timeout=60)
    assert done.returncode == cli.USAGE and done.stdout == "" and not (tmp_path / "out").exists()
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: argument --size: expected metres, above 0 and at most 1000, got 'nan'")


@pytest.mark.parametrize(
    ("name", "text", "command"),
    [
        ("deep.toml", "steps = " + "[" * 5000 + "]" * 5000, ("pretrain.py", "--run", "{out}", "--config", "{file}")),
        ("deep.toml", "steps = " + "[" * 5000 + "]" * 5000, ("train.py", "--run", "{out}", "--config", "{file}")),
        ("deep.json", "[" * 5000 + "]" * 5000, ("generate.py", "--out", "{out}", "--task", "{file}")),
        ("deep.json", '{"id":' * 5000 + "1" + "}" * 5000, ("generate.py", "--out", "{out}", "--task", "{file}")),
        ("deep.jsonl", "[" * 5000 + "]" * 5000, ("evaluate.py", "--out", "{out}", "--tasks", "{file}")),
    ],
)
def test_files_nested_far_too_deep_are_one_line(tmp_path, name, text, command):
    if command[0] in ("pretrain.py", "train.py"):
        pytest.importorskip("torch")
    file = tmp_path / name
    file.write_text(text)
    script, *arguments = (part.format(out=tmp_path / "out", file=file) for part in command)
    done = subprocess.run(
        [sys.executable, f"headless/{script}", *arguments], cwd=CHECKOUT, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == cli.USAGE, done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"error: {file}") and len(line) < 400
