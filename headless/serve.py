"""Serves the environment by OpenEnv's protocol, for the engines that speak it.

python headless/serve.py --sessions 32 --port 8000
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from headless import cli, option_types
from headless.engines.workers import worker_sessions
from headless.packages import not_installed
from headless.rl.envs.base import EpisodeSettings


def main(arguments: list[str]) -> None:
    parser = cli.parser("serve.py", "Serve the environment by OpenEnv's protocol (pip install openenv)")
    parser.add_argument("--tasks", default="typical", help="typical or wide, or a file as tasks.py writes it")
    parser.add_argument("--seed", type=option_types.not_negative, default=1, help="tasks of another seed are others")
    parser.add_argument("--turns", type=option_types.positive, default=3, help="turns at most")
    parser.add_argument("--pixels", type=option_types.not_negative, default=384, help="of a picture; 0: no pictures")
    parser.add_argument("--no-render", action="store_true", help="leave out the view term, and pictures")
    parser.add_argument("--paper", action="store_true", help="reward by the formula of arXiv 2503.18470")
    parser.add_argument("--sessions", type=option_types.positive, default=32, help="at once, a generation batch's")
    parser.add_argument(
        "--workers", type=option_types.positive, default=os.cpu_count() or 1, help="processes that play"
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen at; this machine's own by default")
    parser.add_argument("--port", type=option_types.not_negative, default=8000, help="0: any that is free")
    options = parser.parse_args(arguments)
    try:
        import uvicorn

        from headless.engines import openenv_server
        from headless.engines.splits import TaskSplits
    except ModuleNotFoundError as error:
        raise cli.CommandError(not_installed(error, "openenv")) from error

    class Server(uvicorn.Server):
        """Leaves signals to this command."""

        @contextmanager
        def capture_signals(self) -> Iterator[None]:
            yield

    splits = TaskSplits(options.tasks, options.seed)
    render = not options.no_render
    settings = EpisodeSettings(
        options.turns, "paper" if options.paper else EpisodeSettings().weights, render, render and options.pixels > 0
    )
    failures: list[Exception] = []

    def stop(error: Exception) -> None:
        failures.append(error)
        server.should_exit = True

    with (
        _listening(options.host, options.port) as listening,
        worker_sessions(options.workers, options.pixels if render else 0, stop) as sessions,
    ):
        application = openenv_server.app(sessions, splits, settings, options.sessions)
        server = Server(uvicorn.Config(application, log_level="warning", timeout_graceful_shutdown=1))
        host, port = listening.getsockname()[:2]
        cli.output(f"http://{host}:{port}")
        server.run([listening])
    if failures:
        raise cli.CommandError(str(failures[0]))


def _listening(host: str, port: int) -> socket.socket:
    """A socket that listens. Raises CommandError."""
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except (OSError, OverflowError) as error:
        raise cli.CommandError(f"--host {host} --port {port}: it cannot be listened at ({error})") from error


if __name__ == "__main__":
    cli.run(main)
