"""Recorded episodes played again without their model: one is scored anew, or a whole group is rendered.

Called by `headless/generate.py --replay`. No torch in here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from metaspatial_addon.core.conversation import Conversation
from metaspatial_addon.core.faults import faults_from_json
from metaspatial_addon.core.files import write_file
from metaspatial_addon.core.task import Layout, layout_from_json, task_to_json, write_json
from metaspatial_addon.episode.turn import Outcome
from metaspatial_addon.policy.base import OnProgress, Reply
from metaspatial_addon.prompts.compact import CompactFormat
from metaspatial_addon.prompts.full import FullFormat, PromptFormat

from .records import RecordedEpisode

if TYPE_CHECKING:
    import bpy

    from metaspatial_addon.blender.physics.stage import Stage
    from metaspatial_addon.blender.rendering.render import Renderer

SAME = 1e-9
"""Numbers that differ by less are the same: they are rounded nowhere, but another processor may add differently."""
PIXELS, SAMPLES = 208, 3
"""Of the pictures in a group's sheet: small and few, since there are dozens."""


class RecordedPolicy:
    """Answers as the model of an episode did."""

    def __init__(self, recorded: RecordedEpisode):
        self.name = f"replay of {recorded.name}"
        self.prompt_format: Literal["full", "compact"] = recorded.settings["rendering"]
        self.sees_images: bool = recorded.settings["pictures"]
        self._answers = recorded.answers

    def answer(
        self,
        conversations: Sequence[Conversation],
        seeds: Sequence[int],
        temperature: float | None = None,
        on_progress: OnProgress | None = None,
    ) -> list[Reply]:
        given = [sum(message.role == "assistant" for message in conversation) for conversation in conversations]
        return [Reply(self._answers[turn]) for turn in given]


def prompt_format_of(recorded: RecordedEpisode) -> PromptFormat:
    """The format in which the run asked and read."""
    return CompactFormat() if recorded.settings["rendering"] == "compact" else FullFormat()


@contextmanager
def measuring(recorded: RecordedEpisode, renderer: Renderer | None) -> Iterator[Renderer | None]:
    """What measures the view of an episode as its run did: the renderer of its pictures if there is one."""
    if not recorded.settings["render"]:
        yield None
        return
    from metaspatial_addon.blender.rendering.render import Renderer

    with nullcontext(renderer) if renderer is not None else Renderer("cycles", pixels=0) as measurer:
        measurer.view_method = recorded.view_method
        yield measurer


def differences(recorded: RecordedEpisode, outcome: Outcome) -> list[str]:
    """A line for each turn whose score is not the recorded one, and for turns that were not played again."""
    scored = [line for line in recorded.lines if line["answer"] is not None]
    lines = []
    for line, turn in zip(scored, outcome.turns, strict=False):
        before = {"reward": line["reward"], **line["terms"]}
        now: dict[str, Any] = {"reward": turn.reward, **turn.score.terms}
        changed = [name for name in {**before, **now} if not _same(before.get(name), now.get(name))]
        if changed:
            terms = ", ".join(f"{name} {_number(before.get(name))}, now {_number(now.get(name))}" for name in changed)
            lines.append(f"turn {turn.number} is scored differently from the record: {terms}")
    if len(outcome.turns) < len(scored):
        lines.append(f"the episode is over after turn {len(outcome.turns)}, and was after turn {len(scored)}")
    return lines


def _same(one: float | None, other: float | None) -> bool:
    return one is not None and other is not None and abs(one - other) <= SAME


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.9g}"


def show_group(episodes: Sequence[RecordedEpisode], folder: Path, engine: str) -> None:
    """Write turns.jsonl and task.json of a group, a sheet with a row an episode, a page about all of its turns, and a
    .blend with them.

    The best episode comes first, then the worst, then the others from the best down.
    """
    from metaspatial_addon.blender.physics.stage import Stage
    from metaspatial_addon.blender.rendering.contact_sheet import contact_sheet
    from metaspatial_addon.blender.rendering.render import Renderer

    from .page import group_page

    ranked = best_and_worst_first(episodes)
    task = ranked[0].task
    lines = [json.dumps(line) + "\n" for episode in ranked for line in episode.lines]
    write_file(folder / "turns.jsonl", "".join(lines).encode("ascii"))  # first: it says whose the other files are
    write_json(folder / "task.json", task_to_json(task))
    with Stage() as stage, Renderer(engine, SAMPLES) as renderer:
        stage.open(task)
        rendered: dict[tuple[Any, ...], list[bytes]] = {}  # by the poses of a layout
        rows: list[list[bytes]] = []
        for episode in ranked:
            rows.append([])
            for _, layout in standing(episode):
                poses = tuple(layout.poses.items())
                if poses not in rendered:
                    views = renderer.top_view, renderer.room_view
                    rendered[poses] = [view(stage, task, layout, PIXELS) for view in views]
                rows[-1] += rendered[poses]
        captions = [caption(episode, _place(k, len(ranked))) for k, episode in enumerate(ranked)]
        contact_sheet(rows, folder / "contact_sheet.png", captions)
        write_file(folder / "rollouts.html", group_page(ranked, captions, "contact_sheet.png").encode())
        _write_scene(folder / "scene.blend", stage, ranked)


def best_and_worst_first(episodes: Sequence[RecordedEpisode]) -> list[RecordedEpisode]:
    ranked = sorted(episodes, key=lambda episode: -episode.reward)
    return [*ranked[:1], *ranked[1:][-1:], *ranked[1:-1]]


def standing(episode: RecordedEpisode) -> list[tuple[dict[str, Any], Layout]]:
    """The lines of the turns that have a score, and the layout that stood then: an answer that could not be used moved
    nothing."""
    layout = Layout(episode.task.id)
    scored = []
    for line in episode.lines:
        if line["status"] != "infra_fault":
            layout = layout if line["layout"] is None else layout_from_json(line["layout"], episode.name)
            scored.append((line, layout))
    return scored


def caption(episode: RecordedEpisode, place: str) -> str:
    scored = [line for line, _ in standing(episode)]
    rewards = ", ".join(f"{line['reward']:.2f}" for line in scored)
    faults = ", ".join(
        "-" if line["layout"] is None else str(len(faults_from_json(line["evidence"]))) for line in scored
    )
    return f"{episode.name}{place}: reward {rewards or 'none'}; faults {faults or 'not known'}"


def _place(k: int, count: int) -> str:
    return (" (best)", " (worst)")[k] if k < min(2, count) else ""


def _write_scene(path: Path, stage: Stage, ranked: Sequence[RecordedEpisode]) -> None:
    """A run of the scene for each episode, with a collection a turn; the first one's best turn is in sight.

    They share the room and the items' meshes. The eye and the camera in the Outliner show another.
    """
    import bpy

    from metaspatial_addon.blender.frames import pose_matrix
    from metaspatial_addon.blender.rendering.presentation import add_presentation
    from metaspatial_addon.blender.rendering.visibility import open_room
    from metaspatial_addon.blender.scene_io.blend_file import save_blend
    from metaspatial_addon.blender.turns import turns

    task = ranked[0].task
    scene = bpy.data.scenes.new("MetaSpatial")
    meshes: dict[str, bpy.types.Mesh] = {}
    room: bpy.types.Collection | None = None
    for k, episode in enumerate(ranked):
        run = turns.new_run(scene, f"{k + 1:02d} {episode.name}{_place(k, len(ranked))}")
        if room is None:
            room = turns.add_room(run, open_room(stage).all)
            add_presentation(scene, task.room, room.objects)
        else:
            run.children.link(room)
        best: tuple[float, bpy.types.Collection] | None = None
        for line, layout in standing(episode):
            placed = []
            for item_id, pose in layout.everywhere(task).items():
                source = stage.bodies[item_id].object
                if item_id not in meshes:
                    meshes[item_id] = source.data.copy()
                    meshes[item_id].name = turns.fit_name(item_id)
                placed.append(turns.PlacedObject(item_id, source, pose_matrix(pose), meshes[item_id]))
            kept = {key: value for key, value in line.items() if key not in ("conversation", "samples", "task_json")}
            shown = turns.add_turn(run, placed, kept)
            shown.name = turns.fit_name(f"{episode.name} · Turn {line['turn']:02d}")
            if best is None or line["reward"] > best[0]:
                best = line["reward"], shown
        if best is not None:
            turns.show_turn(run, best[1])
        if k:
            run.hide_render = True
            _hide(scene, run)
    save_blend(path, scene)


def _hide(scene: bpy.types.Scene, run: bpy.types.Collection) -> None:
    from metaspatial_addon.blender.turns.turns import layer_of

    for view_layer in scene.view_layers:
        view_layer.update()
        layer = layer_of(view_layer.layer_collection, run)
        if layer is not None:
            layer.hide_viewport = True
