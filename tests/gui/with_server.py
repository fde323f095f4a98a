"""Run a command beside a model server that we did not write: its URL and model are added as --server URL MODEL.

.venv/bin/python -m tests.gui.with_server COMMAND…
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.policy.models import build
from tests.policy.serving import serve

ENDS = list(range(8))

if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder, "home")
        home.mkdir()
        model = build("idefics3", Path(folder, "idefics3"))
        # Its answers are nonsense of any length; with more tokens that end one they are short.
        settings = model / "generation_config.json"
        settings.write_text(json.dumps({**json.loads(settings.read_text()), "eos_token_id": ENDS}))
        with serve(model, home) as server:
            sys.exit(subprocess.run([*sys.argv[1:], "--server", server.url, server.model]).returncode)
