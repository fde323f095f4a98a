"""Documents with some of their parts replaced by what nobody should write, and the bars that every reader keeps."""

from __future__ import annotations

import copy
import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st

from metaspatial_addon.core.errors import InputError
from metaspatial_addon.policy.base import PolicyError

MOST_SECONDS = 2.0
"""Processor time of one read."""
MOST_MB = 300
"""Memory above rest."""

# Where no profile is asked for, the short one with its fixed seed.
PROFILE = settings() if settings.get_current_profile_name() != "default" else settings.get_profile("ci")

_VALUES: list[Any] = [
    *(None, True, False, 0, -1, 1, 2, 3.5, -0.0, 1e-7, 1e-320, 1e308, -1e308, 2**31, 2**63, 10**30, -(10**99)),
    *(10**400, float("inf"), float("-inf"), float("nan")),
    *("", " ", "a", "bed_1", "room", "wall_0", "\0", "\x1b[2J", "\u202e", "\ud800", "𝕏" * 50, "a" * 300, "9" * 120),
    *(
        "../../../etc/passwd",
        "/dev/zero",
        "data:,",
        "NaN",
        "__proto__",
        "{",
        "]",
        "<answer>",
        "a.b.c",
        "x" * 20_000,
    ),
    *([], {}, [[]], [{}], {"": {}}, {"id": 1}, [0] * 20, [None] * 3, [[0, 0], [1, 0], [1, 1]], [1e308] * 16),
    *(json.loads("[" * 60 + "]" * 60), json.loads('{"a":' * 60 + "0" + "}" * 60), [0] * 5000),
]
VALUES = st.integers(0, len(_VALUES) - 1).map(_VALUES.__getitem__) | st.integers() | st.floats() | st.text(max_size=12)

_CHUNKS = [
    *(
        b"",
        b"[",
        b"]",
        b"{",
        b"}",
        b'"',
        b"'",
        b"\\",
        b",",
        b":",
        b"=",
        b".",
        b"\n",
        b"\0",
        b"\xff",
        b"\xef\xbb\xbf",
    ),
    *(b"[" * 300, b"{" * 300, b'{"a":' * 300, b'"' * 9, b"'''", b'"""', b"a." * 300, b"9" * 500, b"-", b"e999"),
    *(
        b"NaN",
        b"Infinity",
        b"null",
        b"true",
        b"0x" + b"f" * 300,
        b"\\ud800",
        b"\\u0000",
        b"1e400",
        b"#",
        b"[[a]]\n",
    ),
    *(b"<answer>", b"</answer>", b"```json", b"\x1b[31m", "é𝕏".encode(), b" " * 1000, b",]", b"v 1e999 nan 0\n"),
    *(b"f 1 2 99999999\n", b"f -9 -8 -7\n", b"f 1/2/3 4//5 6\n", b"usemtl \xff\n", b"o " + b"x" * 500 + b"\n"),
]
CHUNKS = st.integers(0, len(_CHUNKS) - 1).map(_CHUNKS.__getitem__) | st.binary(max_size=6)

_EDITS = st.lists(st.tuples(st.integers(0, 2**16), st.integers(0, 5), VALUES), min_size=1, max_size=4)
_CUTS = st.lists(st.tuples(st.floats(0, 1), st.integers(0, 4), CHUNKS), min_size=1, max_size=5)


def places(document: Any) -> list[tuple[Any, ...]]:
    """The path of each entry of a document, however deep."""
    found = []
    children = document.items() if isinstance(document, dict) else enumerate(document)
    for key, value in children:
        found.append((key,))
        if isinstance(value, (dict, list)):
            found += [(key, *path) for path in places(value)]
    return found


def edited(document: Any) -> st.SearchStrategy[Any]:
    """The document with up to four entries replaced, removed, repeated, renamed or added."""
    paths = places(document)

    def apply(edits: list[tuple[int, int, Any]]) -> Any:
        changed = copy.deepcopy(document)
        for where, kind, drawn in edits:
            value = copy.deepcopy(drawn)
            *parents, last = paths[where % len(paths)]
            holder = changed
            try:
                for key in parents:
                    holder = holder[key]
                if kind <= 2:
                    holder[last] = value
                elif kind == 3:
                    del holder[last]
                elif isinstance(holder, list):
                    holder.insert(last, copy.deepcopy(holder[last]) if kind == 4 else value)
                else:
                    holder[str(value)[:50]] = holder.pop(last) if kind == 4 else value
            except (LookupError, TypeError, AttributeError):
                continue  # an edit before it took away what it changes
        return changed

    return _EDITS.map(apply)


def mangled(data: bytes) -> st.SearchStrategy[bytes]:
    """The bytes with up to five pieces inserted, cut out, overwritten or repeated, or cut short."""

    def apply(cuts: list[tuple[float, int, bytes]]) -> bytes:
        changed = data
        for where, kind, chunk in cuts:
            at = int(where * len(changed))
            if kind == 0:
                changed = changed[:at] + chunk + changed[at:]
            elif kind == 1:
                changed = changed[:at] + changed[at + len(chunk) + 1 :]
            elif kind == 2:
                changed = changed[:at] + chunk + changed[at + len(chunk) :]
            elif kind == 3:
                changed = changed[:at] + changed[at : at + 50] * 20 + changed[at:]
            else:
                changed = changed[:at]
        return changed

    return _CUTS.map(apply)


def as_json(document: Any) -> bytes:
    return json.dumps(document).encode()


def documents(document: Any) -> st.SearchStrategy[bytes]:
    """JSON of the document, edited or mangled."""
    return edited(document).map(as_json) | mangled(as_json(document))


def read(reader: Callable[[], Any]) -> Any:
    """What a reader makes of an input; None for one that it refuses, as it must, in one line and in time."""
    start = time.process_time()
    try:
        return reader()
    except (InputError, PolicyError) as error:
        assert "\n" not in str(error)
        return None
    finally:
        assert time.process_time() - start < MOST_SECONDS


@contextmanager
def bounded_memory() -> Iterator[None]:
    """Hold the block to MOST_MB of memory above what this process had before."""
    if sys.platform != "linux":
        yield
        return
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before = _status("VmRSS")
    yield
    assert _status("VmHWM") - before < MOST_MB, f"{_status('VmHWM') - before:.0f} MB more"


def _status(field: str) -> float:
    """Megabytes of this process, by the name of a field of its status."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(field + ":"))
