"""A page about the rollouts of a group: what each turn was worth, its faults, and what the model said."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from typing import Any

from headless.evaluation.report import STYLE
from metaspatial_addon.core.faults import faults_from_json

from .records import RecordedEpisode


def group_page(episodes: Sequence[RecordedEpisode], captions: Sequence[str], sheet: str) -> str:
    """The HTML of episodes of one task, each under its caption; `sheet` is the file name of their pictures."""
    title = f"{episodes[0].task.id}: {episodes[0].task.prompt}".removesuffix(": ")
    parts = [f"<h1>{escape(title)}</h1>", f'<img src="{escape(sheet)}" style="max-width:100%" alt="">']
    for episode, caption in zip(episodes, captions, strict=True):
        parts.append(f"<h2>{escape(caption)}</h2>")
        parts += _episode(episode)
    head = f'<meta charset="utf-8"><title>{escape(title)}</title><style>{STYLE}</style>'
    body = "\n".join(parts)
    return f'<!doctype html>\n<html lang="en"><head>{head}</head><body>\n{body}\n</body></html>\n'


def _episode(episode: RecordedEpisode) -> Iterator[str]:
    """A table with a row a turn, and each turn's answer to unfold."""
    terms = list(dict.fromkeys(term for line in episode.lines for term in line["terms"]))
    yield "<table><thead><tr><th>turn</th><th>reward</th>"
    yield "".join(f"<th>{escape(term)}</th>" for term in terms) + '<th class="text">faults</th></tr></thead>'
    for line in episode.lines:
        values = (line["reward"], *(line["terms"].get(term) for term in terms))
        numbers = "".join(f"<td>{'–' if value is None else f'{value:.3f}'}</td>" for value in values)
        yield f'<tr><td>{line["turn"]}</td>{numbers}<td class="text">{_outcome(line)}</td></tr>'
    yield "</table>"
    for line in episode.lines:
        answer = escape(line["answer"] or line["failure"])
        yield f"<details><summary>answer of turn {line['turn']}</summary><p>{answer}</p></details>"


def _outcome(line: dict[str, Any]) -> str:
    """The faults of a turn; why it has no layout."""
    if line["layout"] is None:
        return "the machine failed" if line["status"] == "infra_fault" else "the answer cannot be used"
    sentences = [fault.sentence() for fault in faults_from_json(line["evidence"])]
    return "<br>".join(map(escape, sentences)) or "none"
