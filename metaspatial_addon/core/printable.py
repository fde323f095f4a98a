"""Text of others (names, paths, errors, answers) made safe for a terminal and a log.

What a scene, a server or a model says may hold escape sequences, which a terminal obeys: they colour it, retitle its
window, or overwrite what was printed before.
"""

from __future__ import annotations

import re
from typing import Any, TextIO

LONGEST_LINE = 500
"""Characters of a line of progress or error."""

_NOT_PRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control characters but for tab and line feed, marks that change the direction of text, and lone surrogates."""

_BREAKS = re.compile(r"[\t\n\v\f\r\x85\u2028\u2029]+")


def printable(text: str) -> str:
    r"""The text with escapes in the place of what a terminal would obey.

    >>> print(printable("a\x1b[2Jb"))
    a\x1b[2Jb
    """
    return _NOT_PRINTABLE.sub(lambda match: match[0].encode("unicode_escape").decode(), text)


def one_line(text: str, longest: int = LONGEST_LINE) -> str:
    """The printable text in one line of at most `longest` characters."""
    line = printable(_BREAKS.sub(" ", text))
    return line if len(line) <= longest else line[: longest - 3] + "..."


class PrintableStream:
    """A text stream in the place of `sys.stdout` or `sys.stderr`: whatever Python prints is printable.

    What begins with a carriage return may do so, as a bar of progress does that is drawn over and over.
    """

    def __init__(self, stream: TextIO):
        self._stream = stream

    def write(self, text: str) -> int:
        again = text.startswith("\r")
        self._stream.write("\r" + printable(text[1:]) if again else printable(text))
        return len(text)

    def writelines(self, lines: Any) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
