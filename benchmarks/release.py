"""The release of a table of trained runs: an archive of their weights, logs and evaluations, and its record.

`python -m benchmarks.rl --out out/rl --release` writes `out/rl.tar.gz` and, into `docs/results/rl`, the figures of each
evaluation and the checksums of all files. With the archive unpacked, `--table` prints the tables from its evaluations;
with its weights and test rooms alone, `python -m benchmarks.rl` measures them again:

    tar xzf rl.tar.gz -C out --wildcards '*/weights/*' '*.jsonl'
"""

from __future__ import annotations

import gzip
import hashlib
import json
import shutil
import tarfile
from pathlib import Path
from typing import Any

from benchmarks.common import ROOT
from metaspatial_addon.core.files import write_file, written_beside

RECORD = ROOT / "docs" / "results"
START = "start"
"""The row of the model that all runs begin with."""
WEIGHTS, TRAINING = "weights", "training"
"""Folders of a run: the model that it gave, and what train.py wrote."""
RELEASED = (
    "*.jsonl",
    f"*/{WEIGHTS}/*",
    *(f"*/{TRAINING}/{name}" for name in ("config.toml", "changes.jsonl", "metrics.jsonl")),
    *(f"*/*/{name}" for name in ("metrics.json", "report.html")),
)
"""Files of the folder that are released; the lists of others are not ours to publish."""
OF_OTHERS = "layoutgpt.jsonl"
SUMS = "SHA256SUMS"
BY_ROOM = ("tasks", "columns", "values", "strata")
"""What makes a metrics.json large: kept in the archive alone."""


def release(folder: Path, record: Path | None = None) -> Path:
    """Write the archive beside the folder, and its record to a folder of its name in `record`; the archive's path.

    The same files give the same archive, byte for byte.
    """
    record = (record or RECORD) / folder.name
    paths = sorted({path for pattern in RELEASED for path in folder.glob(pattern) if path.name != OF_OTHERS})
    sums = "".join(f"{_sha256(path)}  {path.relative_to(folder).as_posix()}\n" for path in paths)
    write_file(folder / SUMS, sums.encode())
    archive = folder.with_name(f"{folder.name}.tar.gz")
    with (
        written_beside(archive) as part,
        part.open("wb") as raw,
        gzip.GzipFile("", "wb", fileobj=raw, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w") as tar,
    ):
        for path in (folder / SUMS, *paths):
            tar.add(path, f"{folder.name}/{path.relative_to(folder).as_posix()}", filter=_anonymous)
    shutil.rmtree(record, ignore_errors=True)
    for path in paths:
        if path.name == "metrics.json":
            kept = record / path.relative_to(folder)
            kept.parent.mkdir(parents=True)
            write_file(kept, _figures(json.loads(path.read_text(encoding="utf-8"))))
    record.mkdir(parents=True, exist_ok=True)
    write_file(record / SUMS, f"{_sha256(archive)}  {archive.name}\n{sums}".encode())
    print(f"{len(paths)} files in {archive}, {archive.stat().st_size / 2**20:.0f} MB; their figures in {record}")
    return archive


def _figures(metrics: dict[str, Any]) -> bytes:
    """A metrics.json without what it has of each room."""
    figures = {name: value for name, value in metrics.items() if name not in BY_ROOM}
    return (json.dumps(figures, indent=1) + "\n").encode()


def _anonymous(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    """An entry without what differs from one machine to the next."""
    entry.mtime = entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    entry.mode = 0o644
    return entry


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
