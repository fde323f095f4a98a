"""Every turn of a run as a line of `turns.jsonl`, from which any episode can be replayed without a model.

The trainer writes, `replay` reads. No torch in here: what replays needs none.

An episode is named STEP-GROUP-MEMBER, as 25-97-3: in step 25 (from 1) the episode 3 (from 0) of the run's task 97, and
its group STEP-GROUP. The line of its first turn also holds the whole task, under `task_json`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from metaspatial_addon.core.engines import ViewMethod
from metaspatial_addon.core.errors import InputError
from metaspatial_addon.core.reading import FieldReader, parse_json, read_lines
from metaspatial_addon.core.task import Layout, Task, task_from_json, task_to_json
from metaspatial_addon.episode.env import no_better
from metaspatial_addon.episode.records import append_line, turn_record
from metaspatial_addon.episode.turn import Candidate, Turn
from metaspatial_addon.prompts.full import PromptFormat
from metaspatial_addon.scoring.score import Score
from metaspatial_addon.scoring.weights import Weights

from ..data import Episode
from ..envs.base import EpisodeSettings

FILE = "turns.jsonl"
EPISODE_ID = re.compile(r"\d+-\d+(-\d+)?")
"""The name of an episode, or of a group."""

_TURN_FIELDS: dict[str, Any] = {
    "episode": str,
    "answer": str | None,
    "reward": int | float | None,
    "failure": str,
    "seed": object,
    "settings": dict,
}
_SETTINGS: dict[str, Any] = {
    "rendering": str,
    "pictures": bool,
    "render": bool,
    "temperature": int | float,
    "weights": str | dict,
}


@dataclass
class TurnWriter:
    """Writes the lines of a run. Lines of steps after `done`, which a stopped run left behind, are removed.

    `settings` are the run's, for every line. `group` is the first group of the last step that was written.
    """

    folder: Path
    done: int
    prompt_format: PromptFormat
    settings: Mapping[str, Any]
    group: str = ""
    _step: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        path = self.folder / FILE
        with path.open("ab+") as file:
            file.truncate(_end_of_step(path, self.done))

    def write(self, step: int, episodes: Sequence[Episode], settings: EpisodeSettings) -> None:
        """Write the turns of episodes that are over, of step `step` (from 1)."""
        if step != self._step:
            self._step, self.group = step, f"{step}-{episodes[0].group}"
        full_settings = {
            **self.settings,
            "turns": settings.turns,
            "render": settings.render,
            "view_method": settings.view_method,
            "pictures": settings.pictures,
            "weights": settings.weights if isinstance(settings.weights, str) else asdict(settings.weights),
        }
        for episode in episodes:
            for record in _records(episode, step, self.prompt_format, full_settings):
                append_line(self.folder / FILE, record)


def _end_of_step(path: Path, done: int) -> int:
    """Where in the file the lines of steps after `done` begin, or a line that was cut off."""
    end = 0
    with path.open("rb") as file:
        for line in file:
            head = re.match(rb'\{"episode": "(\d+)-', line)
            if head is None or int(head.group(1)) > done or not line.endswith(b"\n"):
                break
            end += len(line)
    return end


def _records(
    episode: Episode, step: int, prompt_format: PromptFormat, settings: Mapping[str, Any]
) -> Iterator[dict[str, Any]]:
    image_names = _image_names(episode, drawn=not settings["pixels"])
    for turn in _turns(episode, prompt_format):
        record = turn_record(turn, episode.task, episode.seed, image_names, settings)
        if turn.status == "ok":
            record["images"] = [f"turn_{turn.number:02d}_top.png", f"turn_{turn.number:02d}_view.png"]
        head = {"episode": f"{step}-{episode.group}-{episode.seed[-1]}", "truncated": episode.truncated}
        whole = {"task_json": task_to_json(episode.task)} if turn.number == 1 else {}
        yield {**head, **record, **whole}


def _turns(episode: Episode, prompt_format: PromptFormat) -> Iterator[Turn]:
    """The turns of an episode; one that a fault ended has a last turn without a score."""
    answered = [k for k, message in enumerate(episode.conversation) if message.role == "assistant"]
    layout: Layout | None = None
    standing: Score | None = None
    for number, (k, score) in enumerate(zip(answered, episode.scores, strict=False), 1):
        text, asked = episode.conversation[k].text, episode.conversation[: k + 1]
        answer = prompt_format.read(text, episode.task, layout)
        rejected = answer.layout is not None and no_better(score, standing)
        if answer.layout is not None and not rejected:
            layout, standing = answer.layout, score
        candidate = Candidate(text, answer, score)
        timings = episode.timings[number - 1]
        yield Turn(number, score.status, score, asked, candidate, rejected=rejected, timings=timings)
    if episode.fault:
        number = len(episode.scores) + 1
        failed = Score.infra(episode.task)
        yield Turn(number, "infra_fault", failed, episode.conversation, failure=episode.fault)


def _image_names(episode: Episode, drawn: bool) -> dict[bytes, str]:
    """File names of the images that the model saw, drawn or rendered, as `LayoutEnv` names them; of equal images the
    first name."""
    names: dict[bytes, str] = {}
    number = 0
    for message in episode.conversation:
        if message.role == "assistant":
            number += 1
        for k, image in enumerate(message.images):
            kind = ("top", "view")[k]
            shown = f"turn_{number:02d}_shown_{k + 1}.png" if drawn else f"turn_{number:02d}_{kind}.png"
            names.setdefault(image, shown if number else f"room_{kind}.png")
    return names


@dataclass(frozen=True)
class RecordedEpisode:
    """An episode as read from its lines in `turns.jsonl`."""

    name: str
    task: Task
    lines: tuple[dict[str, Any], ...]

    @property
    def settings(self) -> dict[str, Any]:
        return self.lines[0]["settings"]

    @property
    def view_method(self) -> ViewMethod:
        """What measured the view; runs of earlier versions had renders alone."""
        return "rays" if self.settings.get("view_method") == "rays" else "renders"

    @property
    def weights(self) -> Any:
        weights = self.settings["weights"]
        return weights if isinstance(weights, str) else Weights(**weights)

    @property
    def answers(self) -> list[str]:
        return [line["answer"] for line in self.lines if line["answer"] is not None]

    @property
    def reward(self) -> float:
        """The best turn's; -1, below all others, for an episode without a result."""
        return max((line["reward"] for line in self.lines if line["reward"] is not None), default=-1.0)


def read_recorded(path: Path, name: str) -> list[RecordedEpisode]:
    """The episode of that name, or those of a group by member. Raises InputError."""
    if EPISODE_ID.fullmatch(name) is None:
        raise InputError("--episode", "", "the name of an episode, as 25-97-3, or of a group, as 25-97", name)
    lines: dict[str, list[dict[str, Any]]] = {}
    wanted = f'{{"episode": "{name}'.encode()
    try:
        with path.open("rb") as file:
            for number, line in read_lines(file, path):
                if line.startswith((wanted + b'"', wanted + b"-")) and line.endswith(b"\n"):
                    record = _recorded_turn(line, f"{path}, line {number}")
                    lines.setdefault(record["episode"], []).append(record)
    except OSError as error:
        raise InputError(path, "", f"a readable record of a training run ({error})") from error
    if not lines:
        raise InputError(path, "", f"lines that begin with {wanted.decode()}: the run recorded no such episode")
    recorded = []
    for episode in sorted(lines, key=lambda key: int(key.rpartition("-")[2])):
        first = lines[episode][0]
        task = task_from_json(first.get("task_json"), f"{path} {episode}")
        recorded.append(RecordedEpisode(episode, task, tuple(lines[episode])))
    return recorded


def _recorded_turn(line: bytes, source: str) -> dict[str, Any]:
    """The record of a turn, with what it takes to play it again. Raises InputError."""
    read = FieldReader(source)
    record = parse_json(line, source, allow_nan=True)
    settings = record.get("settings")
    for holder, kinds, place in ((record, _TURN_FIELDS, ""), (settings, _SETTINGS, "settings.")):
        for name, kind in kinds.items():
            if not isinstance(holder, dict) or not isinstance(holder.get(name, ...), kind):
                raise read.fail(f"{place}{name}", "what train.py writes")
    if EPISODE_ID.fullmatch(record["episode"]) is None:
        raise read.fail("episode", "the name of an episode, as 25-97-3", record["episode"])
    try:
        if isinstance(settings["weights"], dict):
            Weights(**settings["weights"])
    except (TypeError, ValueError) as error:
        raise read.fail("settings.weights", f"weights that can be used ({error})") from error
    return record
