"""What others say, made safe for a terminal."""

from __future__ import annotations

import io

from metaspatial_addon.core.printable import LONGEST_LINE, PrintableStream, one_line, printable


def test_what_a_terminal_obeys_is_escaped_and_words_of_any_language_stay():
    assert printable("\x1b]0;title\x07\x9b31m\x7f") == r"\x1b]0;title\x07\x9b31m\x7f"
    assert printable("a\u202eb\u2028\ud800") == r"a\u202eb\u2028\ud800"
    for words in ("Küche, 寝室　机, غرفة نوم, 🛏\u200d️", "one\n\ttwo"):
        assert printable(words) == words


def test_one_line_has_no_breaks_and_an_end():
    assert one_line("a\r\nb\tc\x85d") == "a b c d"
    assert one_line("two  spaces stay") == "two  spaces stay"
    long = one_line("x" * 10_000)
    assert len(long) == LONGEST_LINE and long.endswith("...")


def test_whatever_python_prints_is_printable():
    under = io.StringIO()
    stream = PrintableStream(under)
    print("\x1b[2J", "name", file=stream, flush=True)
    stream.writelines(["\x07", "\n"])
    stream.write("\r 10 %\x1b")  # a bar of progress
    assert under.getvalue() == "\\x1b[2J name\n\\x07\n\r 10 %\\x1b"
