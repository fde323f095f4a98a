"""Messages to this process that wait: `process_main` receives them, and a job may look whether there are any."""

from __future__ import annotations

import queue
from typing import Any

messages: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
"""In the order of arrival; None for one that could not be read."""
