"""What invalid input raises (files, options and answers from outside the program), and which errors are bugs."""

from __future__ import annotations

BUGS = (RecursionError, NotImplementedError)
"""RuntimeErrors that are bugs: what catches RuntimeError as a failure of Blender or of a server lets them through."""


class InputError(ValueError):
    """Input that cannot be used. The message names the source (file), the field, what was expected and what was found.

    >>> str(InputError("room.json", "items[2].size", "three positive metres", [1, 2]))
    'room.json: items[2].size: expected three positive metres, got [1, 2]'
    """

    def __init__(self, source: object, field: str, expected: str, got: object = None):
        self.source, self.field, self.expected = str(source), field, expected
        message = f"{source}: {field}: expected {expected}" if field else f"{source}: expected {expected}"
        if got is not None:
            text = repr(got)
            message += f", got {text if len(text) <= 80 else text[:77] + '...'}"
        super().__init__(message)
