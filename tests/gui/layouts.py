"""A model server that lays every item out on a grid, and keeps its answers until it is told to give them."""

from __future__ import annotations

import json
import re
import threading

from tests.policy.servers import Handler, ScriptedServer, chat

ITEM = re.compile(r"^- (\S+): .*? m, ", re.MULTILINE)


class LayoutServer:
    """Answers with a layout once `let_go` was called. `url` is its address; `asked` is set by the first question."""

    def __init__(self) -> None:
        self.asked = threading.Event()
        self._open = threading.Event()
        self._server = ScriptedServer()
        self._server.steps = [self._answer]
        self.url = self._server.url
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def let_go(self) -> None:
        self._open.set()

    def close(self) -> None:
        self._open.set()
        self._server.shutdown()
        self._server.server_close()

    def _answer(self, handler: Handler) -> None:
        self.asked.set()
        self._open.wait(120)
        messages = self._server.seen[-1][3]["messages"]
        ids = list(dict.fromkeys(ITEM.findall("\n".join(map(_text, messages)).partition("Items to place:")[2])))
        turn = sum(message["role"] == "assistant" for message in messages)
        layout = [
            {"id": item, "x": 0.6 + 1.0 * (k % 4) + 0.1 * turn, "y": 0.9 + 1.8 * (k // 4), "z": 0, "yaw": 0}
            for k, item in enumerate(ids)
        ]
        chat(f"<answer>{json.dumps(layout)}</answer>")(handler)


def _text(message: dict) -> str:
    content = message["content"]
    return content if isinstance(content, str) else "\n".join(part.get("text", "") for part in content)
