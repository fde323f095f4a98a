"""The report: one HTML file with tables, curves, contact sheets and failures. Its images are files beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any

from .baselines import BASELINES
from .bootstrap import Interval
from .chart import COLOURS, Line, line_chart
from .gallery import Failure, Gallery
from .metrics import CURVES, FAULT_MEASURES, MEASURES, PREDICATE_MEASURES, TABLED, WORTH_MEASURES, Measure
from .results import Row, Versus
from .runner import DEFAULT, best_row, rows_of, turn_row
from .strata import Strata

TABLES = {"Faults": FAULT_MEASURES, "Worth": WORTH_MEASURES}
NAMED = {measure.name: measure for measure in MEASURES}

EXPLAINED = """Below each value its 95 % bootstrap interval over tasks; one without width says that all tasks agree, not
that all others would. <i>Turn k</i> is what that turn itself left; an episode that ended earlier counts with its last
turn. <i>Best of k</i> is the best of the first k turns. Shares of items, openings and relations are of answers that
could be used. The paper's Coll counts colliding pairs, its Cons items with a relation that does not hold."""

STYLE = """
body { font: 14px/1.45 system-ui, sans-serif; color: #222; max-width: 1250px; margin: 2em auto; padding: 0 1em; }
h1 { font-size: 1.5em; } h2 { font-size: 1.2em; margin-top: 2em; } h3 { font-size: 1em; }
table { border-collapse: collapse; margin: 0.8em 0; }
th, td { padding: 0.25em 0.7em; border-bottom: 1px solid #ddd; text-align: right; vertical-align: top; }
th:first-child, td:first-child, .text { text-align: left; }
td:first-child { white-space: nowrap; }
thead th { border-bottom: 2px solid #888; font-weight: 600; max-width: 9em; }
tr.part td { border-top: 2px solid #888; }
small { color: #777; display: block; white-space: nowrap; }
.curves svg { margin: 0 0.6em 0.6em 0; } .key span { margin-right: 1.4em; }
.sheets { display: flex; flex-wrap: wrap; gap: 1em; } .sheets figure { margin: 0; flex: 1 1 320px; }
.sheets img { width: 100%; border: 1px solid #ddd; } .note { color: #666; max-width: 60em; }
"""


@dataclass(frozen=True)
class Report:
    """The data of a report. `plans` are the names of the sampling plans; `against` is empty without an earlier run."""

    settings: Mapping[str, Any]
    rows: Mapping[str, Row]
    strata: Strata
    by_seed: Mapping[str, Mapping[int, Mapping[str, float | None]]]
    gains: Mapping[str, Row]
    against: Mapping[str, Mapping[str, Versus]]
    plans: Sequence[str]
    turns: int
    failures: Sequence[Failure]
    infra: Mapping[str, Sequence[str]]
    gallery: Gallery = field(default_factory=Gallery)

    def html(self) -> str:
        """The whole file."""
        title = f"Layouts by {self.settings['policy']}"
        parts = [
            f"<h1>{escape(title)}</h1>",
            self._settings(),
            self._tables(),
            self._predicates(),
            self._strata(),
            self._against(),
            self._curves(),
            self._sheets(),
            self._gains(),
            self._seeds(),
            self._failures(),
            self._infra(),
        ]
        body = "\n".join(part for part in parts if part)
        head = f'<meta charset="utf-8"><title>{escape(title)}</title><style>{STYLE}</style>'
        return f'<!doctype html>\n<html lang="en"><head>{head}</head><body>\n{body}\n</body></html>\n'

    def _settings(self) -> str:
        parts = [f"{name.replace('_', ' ')}: {value}" for name, value in self.settings.items() if value is not None]
        return f'<p class="note">{escape("; ".join(parts))}.</p>'

    def _tables(self) -> str:
        parts = [
            "<h2>Measures</h2>",
            f'<p class="note">{EXPLAINED}</p>',
        ]
        for title, measures in TABLES.items():
            parts += [f"<h3>{title}</h3>", self._table(measures)]
        return "\n".join(parts)

    def _table(self, measures: Sequence[Measure], names: Sequence[str] | None = None) -> str:
        head = "".join(f"<th>{escape(measure.heading)}</th>" for measure in measures)
        lines = []
        firsts = {rows_of(plan, self.turns)[0] for plan in self.plans}
        for row in self.rows if names is None else names:
            cells = "".join(_cell(measure, self.rows[row][measure.name]) for measure in measures)
            part = ' class="part"' if row in firsts else ""
            lines.append(f"<tr{part}><td>{escape(row)}</td>{cells}</tr>")
        return f"<table><thead><tr><th></th>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table>"

    def _predicates(self) -> str:
        stated = [m for m in PREDICATE_MEASURES if any(row[m.name].value is not None for row in self.rows.values())]
        if not stated:
            return ""
        return (
            "<h2>Relations by predicate</h2>"
            '<p class="note">Shares of the relations that the tasks state; random placement is what chance gives.</p>'
            + self._table(stated, self.sources)
        )

    @property
    def sources(self) -> list[str]:
        """The rows that stand for a source of layouts: the baselines, and the best turns of the plans."""
        best = {best_row(plan, self.turns) for plan in self.plans}
        return [row for row in self.rows if row in BASELINES or row in best]

    def _strata(self) -> str:
        clean, sections = NAMED["clean"], ["<h2>By number of items and shape of the room</h2>"]
        for sorting, parts in self.strata.items():
            head = "".join(f"<th>{escape(name)}<small>{part.tasks} rooms</small></th>" for name, part in parts.items())
            lines: list[str] = []
            curves: list[Line] = []
            for row in self.sources:
                intervals = [part.rows[row][clean.name] for part in parts.values()]
                cells = "".join(_cell(clean, interval) for interval in intervals)
                lines.append(f"<tr><td>{escape(row)}</td>{cells}</tr>")
                if row not in BASELINES:
                    curves.append(_line(row, clean, intervals, len(curves), False))
            sections += [
                f"<h3>{escape(clean.heading)}, by {escape(sorting)}</h3>",
                f"<table><thead><tr><th></th>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table>",
                f'<div class="curves">{line_chart(f"by {sorting}", curves, 1.0, list(parts))}</div>',
            ]
        return "\n".join(sections)

    def _against(self) -> str:
        if not self.against:
            return ""
        parts = [
            f"<h2>Against {escape(str(self.settings['against']))}</h2>",
            '<p class="note">Differences are paired: both runs are measured on the same draws of tasks. The change is '
            "the difference as a share of the other run's value.</p>",
        ]
        heads = ("", "this run", "other run", "difference", "change %", "intervals apart")
        head = "".join(f"<th>{name}</th>" for name in heads)
        main = best_row(DEFAULT, self.turns)
        for row, compared in sorted(self.against.items(), key=lambda entry: entry[0] != main):
            lines = "".join(_versus(NAMED[name], versus) for name, versus in compared.items())
            table = f"<table><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table>"
            opened = " open" if row == main else ""
            if row not in BASELINES:
                parts.append(f"<details{opened}><summary>{escape(row)}</summary>{table}</details>")
        return "\n".join(parts)

    def _gains(self) -> str:
        if not self.gains:
            return ""
        names = list(self.gains)
        head = "".join(f"<th>{escape(name)}</th>" for name in names)
        lines = []
        for measure in TABLED:
            cells = "".join(_cell(measure, self.gains[name][measure.name], signed=True) for name in names)
            lines.append(f"<tr><td>{escape(measure.heading)}</td>{cells}</tr>")
        return (
            "<h2>What the turns add</h2>"
            '<p class="note">Differences to turn 1 of the same plan, on the same draws of tasks.</p>'
            f"<table><thead><tr><th></th>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table>"
        )

    def _curves(self) -> str:
        if self.turns < 2:
            return ""
        charts = [
            line_chart(NAMED[name].heading, self._lines(NAMED[name]), 1.0 if NAMED[name].percent else 0.01)
            for name in CURVES
        ]
        key = "".join(
            f'<span style="color:{COLOURS[k % len(COLOURS)]}">▬ {escape(plan)}</span>'
            for k, plan in enumerate(self.plans)
        )
        return (
            f'<h2>By turn</h2><p class="key">{key}<span>full line: best so far, with its interval; dashed: the turn '
            f'itself</span></p><div class="curves">{"".join(charts)}</div>'
        )

    def _lines(self, measure: Measure) -> list[Line]:
        numbers, lines = range(1, self.turns + 1), []
        for colour, plan in enumerate(self.plans):
            for dashed, name in ((True, turn_row), (False, best_row)):
                points = [self.rows[name(plan, k)][measure.name] for k in numbers]
                lines.append(_line(f"{plan}, {'turn' if dashed else 'best'}", measure, points, colour, dashed))
        return lines

    def _seeds(self) -> str:
        main = best_row(DEFAULT, self.turns)
        if main not in self.by_seed:
            return ""
        seeds = self.by_seed[main]
        head = "".join(f"<th>seed {seed}</th>" for seed in seeds)
        lines = []
        for measure in TABLED:
            cells = "".join(f"<td>{measure.format(values[measure.name])}</td>" for values in seeds.values())
            lines.append(f"<tr><td>{escape(measure.heading)}</td>{cells}</tr>")
        table = f"<table><thead><tr><th></th>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table>"
        return f"<h2>Seed by seed: {escape(main)}</h2>{table}"

    def _sheets(self) -> str:
        figures = "".join(
            f'<figure><figcaption>{escape(title)}</figcaption><a href="{name}"><img src="{name}" alt="{title} layouts">'
            "</a></figure>"
            for title, name in self.gallery.sheets.items()
        )
        if not figures:
            return ""
        return f'<h2>Layouts by reward</h2><div class="sheets">{figures}</div>'

    def _failures(self) -> str:
        if not self.failures:
            return ""
        lines = "".join(self._failure(failure) for failure in self.failures)
        head = (
            "<th>task</th><th>seeds with a fault</th><th>seed</th><th>reward</th>"
            '<th class="text">faults</th><th class="text">picture</th>'
        )
        return (
            f"<h2>Failures: {len(self.failures)} tasks</h2>"
            '<p class="note">Tasks whose best turn has a fault, worst first, each with the worst of its seeds.</p>'
            f"<table><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table>"
        )

    def _failure(self, failure: Failure) -> str:
        result, score = failure.worst, failure.worst.score
        faults = [fault.name for fault in score.evidence.faults()]
        if score.status != "ok":
            problems = () if result.turn.candidate is None else result.turn.candidate.answer.problems
            faults = ["no usable answer", *problems]
        name = self.gallery.failures.get((result.task.id, result.seed))
        link = f'<a href="{name}">picture</a>' if name else ""
        return (
            f"<tr><td>{escape(result.task.id)}</td><td>{failure.faulty} of {failure.seeds}</td><td>{result.seed}</td>"
            f'<td>{score.reward:.3f}</td><td class="text">{escape("; ".join(faults))}</td>'
            f'<td class="text">{link}</td></tr>'
        )

    def _infra(self) -> str:
        lines = [
            f"<li>{escape(name)}: {escape(failure)}</li>"
            for name, failures in self.infra.items()
            for failure in failures
        ]
        if not lines:
            return ""
        return f"<h2>Not measured</h2><p>What the machine failed at, left out of its row.</p><ul>{''.join(lines)}</ul>"


def _line(label: str, measure: Measure, points: Sequence[Interval], colour: int, dashed: bool) -> Line:
    """Values with their intervals as a line, in per cent where they are shares."""
    factor = 100 if measure.percent else 1
    value, low, high = (
        [None if number is None else factor * number for number in side]
        for side in zip(*((p.value, p.low, p.high) for p in points), strict=True)
    )
    return Line(label, value, low, high, colour, dashed)


def _cell(measure: Measure, interval: Interval, signed: bool = False) -> str:
    ends = ""
    if interval.low is not None and interval.high is not None:
        ends = f"{measure.format(interval.low, signed)} to {measure.format(interval.high, signed)}"
    return f"<td>{measure.format(interval.value, signed)}<small>{ends}</small></td>"


def _versus(measure: Measure, versus: Versus) -> str:
    change = Measure("change", "", "", "", measure.better)
    return (
        f"<tr><td>{escape(measure.heading)}</td>{_cell(measure, versus.here)}{_cell(measure, versus.there)}"
        f"{_cell(measure, versus.difference, signed=True)}{_cell(change, versus.change, signed=True)}"
        f"<td>{'yes' if versus.here.apart(versus.there) else 'no'}</td></tr>"
    )
