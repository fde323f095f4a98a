"""Draws how training runs went: python tools/curves.py RUN [RUN …] --out F.svg

Reads the runs' metrics.jsonl. Each point is the mean over a stretch of steps, since a step plays few rooms; the band
is the mean's standard error.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from headless.evaluation.chart import COLOURS, HEIGHT, WIDTH, Line, line_chart

STRETCHES = 10
CURVES = {
    "reward, turn 1": ("reward/turn_1", 1, 0.05),
    "reward, best turn": ("reward/best", 1, 0.05),
    "rooms without any fault, turn 1, %": ("clean/turn_1", 100, 10),
    "items colliding, turn 1, %": ("faulty/colliding/turn_1", 100, 5),
    "items outside, turn 1, %": ("faulty/outside/turn_1", 100, 2),
    "entropy of a choice, nats": ("entropy", 1, 0.1),
}
"""Title of a chart: name of the figure, factor, least span of the axis."""


def read_run(folder: Path) -> dict[str, np.ndarray]:
    """The figures of all steps, by name."""
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]
    return {name: np.array([line[name] for line in lines]) for name, _, _ in CURVES.values()}


def drawn(figures: np.ndarray, factor: float, label: str, colour: int) -> Line:
    parts = np.array_split(figures * factor, STRETCHES)
    means = [float(part.mean()) for part in parts]
    errors = [float(part.std(ddof=1) / np.sqrt(len(part))) for part in parts]
    low, high = ([m + sign * e for m, e in zip(means, errors, strict=True)] for sign in (-1, 1))
    return Line(label, means, low, high, colour)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN")
    parser.add_argument("--out", required=True, type=Path)
    options = parser.parse_args()
    runs = {folder.name: read_run(folder) for folder in options.runs}
    lengths = {len(figures) for run in runs.values() for figures in run.values()}
    steps = min(lengths)
    if len(lengths) > 1 or steps < 2 * STRETCHES:
        sys.exit(f"curves.py: expected runs of one length, of {2 * STRETCHES} steps at least; got {sorted(lengths)}")
    ends = [str(part[-1] + 1) for part in np.array_split(np.arange(steps), STRETCHES)]
    charts = []
    for number, (title, (name, factor, least)) in enumerate(CURVES.items()):
        lines = [drawn(run[name], factor, label, k) for k, (label, run) in enumerate(runs.items())]
        row, column = divmod(number, 3)
        chart = line_chart(title, lines, least, ends)
        charts.append(re.sub("^<svg ", f'<svg x="{column * WIDTH}" y="{row * HEIGHT}" ', chart))
    keys = "".join(
        f'<text x="{20 + 120 * k}" y="{2 * HEIGHT + 16}" fill="{COLOURS[k % len(COLOURS)]}">{name}</text>'
        for k, name in enumerate(runs)
    )
    size = f'width="{3 * WIDTH}" height="{2 * HEIGHT + 26}"'
    body = "\n".join(charts)
    options.out.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="12">\n'
        f'<rect {size} fill="white"/>\n{body}\n{keys}\n</svg>\n',
        encoding="utf-8",
    )


if __name__ == "__main__":
    main()
