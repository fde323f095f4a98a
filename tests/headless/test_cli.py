"""How commands read their arguments and how they end."""

from __future__ import annotations

import argparse
import ctypes
import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from headless import cli, option_types
from metaspatial_addon.core.errors import InputError
from metaspatial_addon.policy.base import PolicyError

CHECKOUT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def stays(monkeypatch):
    """Where bpy is a module, a command ends its process at once: this one is still needed."""
    monkeypatch.setattr(cli, "leave", sys.exit)


@pytest.mark.parametrize(
    ("argv", "own"),
    [
        (["headless/score.py", "--task", "t"], ["--task", "t"]),
        (["headless/score.py", "--", "x"], ["--", "x"]),
        (["/usr/bin/blender", "-b", "-P", "headless/score.py", "--", "--task", "t"], ["--task", "t"]),
        (["C:\\blender.exe".rpartition("\\")[2], "-b", "-P", "score.py", "--"], []),
        (["blender-4.3", "-b", "-P", "score.py"], []),
    ],
)
def test_arguments_are_those_after_the_dashes_inside_blender(monkeypatch, argv, own):
    monkeypatch.setattr("sys.argv", argv)
    assert cli.arguments() == own


def raising(error):
    def main(argv):
        raise error

    return main


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (InputError("t.json", "id", "a text"), "error: t.json: id: expected a text"),
        (PolicyError("The server\nis gone."), "error: The server is gone."),
        (cli.CommandError("no answer could be used"), "error: no answer could be used"),
    ],
)
def test_what_a_user_can_mend_is_one_line(capsys, error, line):
    with pytest.raises(SystemExit) as ended:
        cli.run(raising(error))
    assert ended.value.code == 2
    assert capsys.readouterr().err == line + "\n"


@pytest.mark.parametrize(
    ("number", "remedy"),
    [
        (errno.ENOSPC, "free space on that disk, or choose another place"),
        (errno.EACCES, "choose a place that you may write to"),
        (errno.ENAMETOOLONG, "choose another name"),
    ],
)
def test_a_file_that_cannot_be_written_is_one_line_that_says_what_to_do(capsys, number, remedy):
    with pytest.raises(SystemExit) as ended:
        cli.run(raising(OSError(number, os.strerror(number), "runs/layout.json")))
    assert ended.value.code == 2
    assert capsys.readouterr().err == f"error: runs/layout.json: {os.strerror(number)}: {remedy}\n"
    with pytest.raises(SystemExit) as ended:
        cli.run(raising(FileNotFoundError(errno.ENOENT, "No such file", "assets/ours.json")))
    assert ended.value.code == 1, "a file of our own that is missing is a bug"


def test_lines_before_an_error_are_kept_and_the_file_stays_as_it_was_until_the_end(tmp_path):
    out = tmp_path / "out"
    out.write_text("old")
    with pytest.raises(ZeroDivisionError), cli.json_lines(str(out)) as write:
        write({"a": 1})
        assert out.read_text() == "old"
        raise ZeroDivisionError
    assert out.read_text() == '{"a": 1}\n' and os.listdir(tmp_path) == ["out"]


HOLDER = """
import sys, time
from pathlib import Path
from headless import cli
with cli.sole_use(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


def test_a_folder_of_results_is_held_by_one_process_until_that_ends(tmp_path):
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE, cwd=CHECKOUT)
    try:
        assert holder.stdout.readline() == b"held\n"
        refused = pytest.raises(cli.CommandError, match="another command is writing to this folder")
        with refused, cli.sole_use(tmp_path):
            pass
        with cli.sole_use(cli.output_folder(str(tmp_path / "other"))):
            pass
    finally:
        holder.kill()
        holder.communicate()
    with cli.sole_use(tmp_path):  # a process that was killed leaves no lock behind
        assert (tmp_path / cli.LOCK).exists()
    assert os.listdir(tmp_path) == ["other"]


ANY_LAYOUTS = {"pretrain": ("--set", 'layouts="README.md"'), "train": ()}


@pytest.mark.parametrize("command, config", [("pretrain", "pretrain_tiny"), ("train", "tiny")])
def test_a_run_whose_folder_is_in_use_is_refused(tmp_path, command, config):
    pytest.importorskip("torch")
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE, cwd=CHECKOUT)
    try:
        assert holder.stdout.readline() == b"held\n"
        arguments = ["--config", f"headless/configs/{config}.toml", "--run", str(tmp_path), *ANY_LAYOUTS[command]]
        second = subprocess.run(
            [sys.executable, f"headless/{command}.py", *arguments], capture_output=True, text=True, cwd=CHECKOUT
        )
    finally:
        holder.kill()
        holder.communicate()
    assert second.returncode == cli.USAGE and "Traceback" not in second.stderr
    assert f"--run {tmp_path}: another command is writing to this folder" in second.stderr.splitlines()[-1]
    assert os.listdir(tmp_path) == [cli.LOCK]


def test_a_bug_is_a_traceback_and_exit_code_1(capsys):
    with pytest.raises(SystemExit) as ended:
        cli.run(raising(ZeroDivisionError("oh")))
    assert ended.value.code == 1
    assert "Traceback" in capsys.readouterr().err


def test_success_and_interruption():
    for main, code in ((lambda argv: None, 0), (lambda argv: 3, 3), (raising(KeyboardInterrupt()), 130)):
        with pytest.raises(SystemExit) as ended:
            cli.run(main)
        assert ended.value.code == code


def test_wrong_arguments_are_errors_and_not_guessed():
    parser = cli.parser("x.py", "does x")
    parser.add_argument("--count", type=option_types.positive, default=1, help="how many")
    assert parser.parse_args(["--count", "3"]) == argparse.Namespace(count=3)
    for argv in (["--count", "0"], ["--count", "x"], ["--cou", "3"], ["more"]):
        with pytest.raises(cli.CommandError, match="--help lists the options"):
            parser.parse_args(argv)


def test_lines_go_to_the_file_or_to_stdout(tmp_path, capfd):
    with cli.json_lines(str(tmp_path / "out")) as write:
        write({"a": 1})
    with cli.json_lines(None) as write:
        write({"b": 2})
        os.write(1, b"from an importer\n")
        ctypes.CDLL(None).puts(b"from C")
        subprocess.run([sys.executable, "-c", "print('from a child')"], check=True)
    print("c")
    assert (tmp_path / "out").read_text() == '{"a": 1}\n'
    out, err = capfd.readouterr()
    assert out == '{"b": 2}\nc\n' and [f"from {who}" in err for who in ("an importer", "C", "a child")] == [True] * 3
    with pytest.raises(cli.CommandError, match="cannot be written"), cli.json_lines(str(tmp_path / "no" / "out")):
        pass
    with pytest.raises(cli.CommandError, match="this is no file"), cli.json_lines(str(tmp_path)):
        pass
    (tmp_path / "file").touch()
    with pytest.raises(cli.CommandError, match="cannot be made"):
        cli.output_folder(str(tmp_path / "file" / "folder"))
    assert cli.output_folder(str(tmp_path / "a" / "b")).is_dir()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="POSIX alone has named pipes")
def test_lines_go_straight_into_a_pipe_a_device_and_the_stdout_by_name(tmp_path, capfd):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    with cli.json_lines(str(pipe)) as write:
        write({"a": 1})
        assert os.read(reader, 99) == b'{"a": 1}\n'
    os.close(reader)
    with cli.json_lines(os.devnull) as write:
        write({"b": 2})
    assert os.listdir(tmp_path) == ["pipe"]
    code = (
        "import os; from headless import cli\n"
        "with cli.json_lines('/dev/stdout') as write: write({'c': 3}); os.write(1, b'from an importer')"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=CHECKOUT)
    assert (shown.stdout, shown.stderr) == ('{"c": 3}\n', "from an importer")


@pytest.mark.skipif(os.name == "nt", reason="on Windows no open file can be replaced")
def test_a_folder_whose_lock_is_always_replaced_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(cli, "_lock", lambda descriptor: (tmp_path / cli.LOCK).unlink())
    with pytest.raises(cli.CommandError, match="this folder cannot be locked"), cli.sole_use(tmp_path):
        pass


@pytest.mark.parametrize(
    "command, config, state",
    [("pretrain", "pretrain_tiny", "optimisers.pt"), ("train", "tiny", "training.json")],
)
def test_a_run_looks_for_its_checkpoint_once_it_has_the_folder(tmp_path, command, config, state):
    """The checkpoint of a run that goes on is not the one to begin from."""
    pytest.importorskip("torch")
    (tmp_path / "checkpoint-000001").mkdir()
    (tmp_path / "checkpoint-000001" / state).write_bytes(b"not written to its end")
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE, cwd=CHECKOUT)
    try:
        assert holder.stdout.readline() == b"held\n"
        run = ["--run", str(tmp_path), "--resume", *ANY_LAYOUTS[command]]
        arguments = ["--config", f"headless/configs/{config}.toml", *run]
        second = subprocess.run(
            [sys.executable, f"headless/{command}.py", *arguments], capture_output=True, text=True, cwd=CHECKOUT
        )
    finally:
        holder.kill()
        holder.communicate()
    assert second.returncode == cli.USAGE and "another command is writing to this folder" in second.stderr
