"""The one error that bad input from outside raises, worded for the person who has to mend it."""

from __future__ import annotations


class InputError(ValueError):
    """Input that cannot be used: names the source (file), the field and what was expected.

    >>> str(InputError("room.json", "items[2].size", "three positive metres", [1, 2]))
    'room.json: items[2].size: expected three positive metres, got [1, 2]'
    """

    def __init__(self, source: object, field: str, expected: str, got: object = None):
        self.source, self.field, self.expected = str(source), field, expected
        message = f"{source}: {field}: expected {expected}" if field else f"{source}: expected {expected}"
        if got is not None:
            shown = repr(got)
            message += f", got {shown if len(shown) <= 80 else shown[:77] + '...'}"
        super().__init__(message)
