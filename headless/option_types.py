"""Types of the commands' options: what argparse converts their text with, each with its limits."""

from __future__ import annotations

import argparse
import math

from metaspatial_addon.core.task import LONGEST_PROMPT, MOST_METRES

MOST = 2**31 - 1
"""The largest whole number that an option takes: generators of random numbers overflow with larger seeds."""

LEAST_TEMPERATURE, MOST_TEMPERATURE = 0.001, 100
"""Temperatures other than 0 between which a distribution is neither one token's nor everyone's alike."""


def positive(text: str) -> int:
    """Convert an argument that is a whole number above 0."""
    return _whole(text, 1)


def not_negative(text: str) -> int:
    """Convert an argument that is a whole number, 0 or above."""
    return _whole(text, 0)


def seeds(text: str) -> tuple[int, ...]:
    """Convert an argument that lists whole numbers, 0 or above, separated by commas, each once."""
    numbers = tuple(_whole(part, 0) for part in text.split(","))
    if len(set(numbers)) < len(numbers):
        raise _unexpected("each number once", text)
    return numbers


def length(text: str) -> float:
    """Convert an argument that is a length in metres, above 0."""
    expected = f"metres, above 0 and at most {MOST_METRES}"
    metres = _finite(text, expected)
    if not 0 < metres <= MOST_METRES:
        raise _unexpected(expected, text)
    return metres


def factor(text: str) -> float:
    """Convert an argument that lengths are multiplied by."""
    expected = f"a factor from {1 / MOST_METRES} to {MOST_METRES}"
    number = _finite(text, expected)
    if not 1 / MOST_METRES <= number <= MOST_METRES:
        raise _unexpected(expected, text)
    return number


def temperature(text: str) -> float:
    """Convert an argument that is a temperature of sampling: 0, or a number that logits can be divided by."""
    expected = f"0, or a number from {LEAST_TEMPERATURE} to {MOST_TEMPERATURE}"
    number = _finite(text, expected)
    if number != 0 and not LEAST_TEMPERATURE <= number <= MOST_TEMPERATURE:
        raise _unexpected(expected, text)
    return number


def _whole(text: str, least: int) -> int:
    expected = f"a whole number of at least {least}"
    try:
        number = int(text)
    except ValueError as error:
        raise _unexpected(expected, text) from error
    if not least <= number <= MOST:
        raise _unexpected(expected if number < least else f"a whole number of at most {MOST}", text)
    return number


def _finite(text: str, expected: str) -> float:
    try:
        number = float(text)
    except ValueError as error:
        raise _unexpected(expected, text) from error
    if not math.isfinite(number):
        raise _unexpected(expected, text)
    return number


def _unexpected(expected: str, text: str) -> argparse.ArgumentTypeError:
    """An error that argparse reports behind the option's name."""
    return argparse.ArgumentTypeError(f"expected {expected}, got {text[:40]!r}")


def text(argument: str) -> str:
    """Accept an argument that UTF-8 can encode: what a terminal sends may have lone surrogates."""
    argument.encode()  # a UnicodeEncodeError is a ValueError, which argparse explains
    if len(argument) > LONGEST_PROMPT:
        raise _unexpected(f"at most {LONGEST_PROMPT:,} characters", argument)
    return argument
