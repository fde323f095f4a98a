"""What invalid input raises (files, options and answers from outside the program), and which errors are bugs."""

from __future__ import annotations

import reprlib

from .printable import one_line

BUGS = (RecursionError, NotImplementedError)
"""RuntimeErrors that are bugs: what catches RuntimeError as a failure of Blender or of a server lets them through."""


LONGEST_PLACE = 300
"""Characters of a source or a field in a message: a key of JSON may have any number."""

_SHORT = reprlib.Repr()
"""Says a value of any size and depth: JSON may be nested deeper than `repr` can go."""
_SHORT.maxlevel, _SHORT.maxlist, _SHORT.maxtuple, _SHORT.maxdict = 6, 30, 30, 30
_SHORT.maxstring = _SHORT.maxother = _SHORT.maxlong = 80


class InputError(ValueError):
    """Input that cannot be used. The message names the source (file), the field, what was expected and what was found.

    >>> str(InputError("room.json", "items[2].size", "three positive metres", [1, 2]))
    'room.json: items[2].size: expected three positive metres, got [1, 2]'
    """

    def __init__(self, source: object, field: str, expected: str, got: object = None):
        self.source, self.field, self.expected = str(source), field, expected
        places = [one_line(str(place), LONGEST_PLACE) for place in (source, field) if place]
        message = ": ".join([*places, f"expected {expected}"])
        if got is not None:
            text = _SHORT.repr(got)
            message += f", got {text if len(text) <= 80 else text[:77] + '...'}"
        super().__init__(message)
