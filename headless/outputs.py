"""What is made of an episode after it was played: pictures of its turns, a scene, and what is printed of it. Used by
`generate`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from metaspatial_addon.core.evidence import Evidence
from metaspatial_addon.core.files import write_file
from metaspatial_addon.core.task import Layout, Task
from metaspatial_addon.episode.records import fault_changes
from metaspatial_addon.episode.turn import Outcome, Turn

if TYPE_CHECKING:
    from metaspatial_addon.blender.physics.stage import Stage
    from metaspatial_addon.blender.rendering.render import Renderer
    from metaspatial_addon.blender.scene_io.scene_to_task import SceneTask

CHOICES = ("best", "all", "none")
"""Which turns have pictures. Those that a model was shown are written in any case, but for none."""
MOST_FAULTS = 10
"""Faults of the best turn that are listed."""


def render_turns(outcome: Outcome, which: str, stage: Stage, task: Task, renderer: Renderer, folder: Path) -> Outcome:
    """The outcome with renders of the turns that `which`, best or all, means; those that are new are written."""
    turns = [
        _rendered(turn, stage, task, renderer, folder) if which == "all" or turn is outcome.best else turn
        for turn in outcome.turns
    ]
    best = None if outcome.best is None else turns[outcome.best.number - 1]
    return replace(outcome, turns=tuple(turns), best=best)


def _rendered(turn: Turn, stage: Stage, task: Task, renderer: Renderer, folder: Path) -> Turn:
    images = {}
    for kind, view in (("top", renderer.top_view), ("view", renderer.room_view)):
        name = f"turn_{turn.number:02d}_{kind}.png"
        if turn.layout is not None and not turn.images.get(name):
            images[name] = view(stage, task, turn.layout)
            write_file(folder / name, images[name])
    shown = {name: image for name, image in turn.images.items() if image}
    return replace(turn, images={**images, **shown})


def write_sheet(path: Path, outcome: Outcome) -> None:
    """Write the renders of all turns that have them on one page."""
    from metaspatial_addon.blender.rendering.contact_sheet import contact_sheet

    rendered = [turn for turn in outcome.turns if any(turn.images.values())]
    captions = [
        f"Turn {turn.number}: reward {turn.reward:.2f}, faults: {len(turn.score.evidence.faults())}"
        for turn in rendered
    ]
    contact_sheet([[image for image in turn.images.values() if image][:2] for turn in rendered], path, captions)


def write_scene(
    folder: Path,
    stage: Stage,
    task: Task,
    scene_task: SceneTask | None,
    outcome: Outcome,
    records: list[dict[str, Any]],
    export: str | None,
) -> None:
    """Write the scene with a collection a turn, and on request the best turn as glTF.

    `scene_task`: the open scene that the task was read from; without one, the scene is the stage's room and furniture.
    `records`: of all turns.
    """
    import bpy

    from metaspatial_addon.blender.rendering.presentation import add_presentation
    from metaspatial_addon.blender.rendering.visibility import open_room
    from metaspatial_addon.blender.scene_io.blend_file import export_glb, save_blend
    from metaspatial_addon.blender.turns import turns

    scene = bpy.data.scenes.new("MetaSpatial") if scene_task is None else bpy.context.scene
    run = turns.new_run(scene, task.id)
    if scene_task is None:
        add_presentation(scene, task.room, turns.add_room(run, open_room(stage).all).objects)
    else:
        add_presentation(scene, task.room, frame=scene_task.frame)
    bodies = {item_id: body.object for item_id, body in stage.bodies.items()}
    standing = Layout(task.id)
    for turn, record in zip(outcome.turns, records, strict=True):
        if turn.status == "infra_fault":
            continue
        standing = turn.layout or standing  # an answer that could not be used moved nothing
        if scene_task is None:
            placed = turns.from_stage(run, bodies, standing.everywhere(task))
        else:
            placed = scene_task.placed(standing)
        kept = {key: value for key, value in record.items() if key not in ("conversation", "samples")}
        collection = turns.add_turn(run, placed, kept)
        if turn is outcome.best:
            best = collection
    turns.show_turn(run, best)
    if scene_task is not None:
        for item in task.movable:  # the turns show them
            for obj in scene_task.items[item.id].objects:
                obj.hide_viewport = obj.hide_render = True
    save_blend(folder / "scene.blend", scene)
    if export == "glb":
        export_glb(folder / "scene.glb", best, scene)


def table(outcome: Outcome) -> list[str]:
    """A line a turn: its reward, its number of faults, and those that it repaired and made. The best has a star."""
    lines = ["turn  status       reward  faults  repaired"]
    before: Evidence | None = None
    for turn in outcome.turns:
        evidence = turn.score.evidence
        if turn.layout is None:
            problems = turn.candidate.answer.problems if turn.candidate is not None else (turn.failure,)
            faults, changes = "-", " ".join(problems)
        else:
            faults, changes = str(len(evidence.faults())), "-"
            if before is not None:
                repaired, new = fault_changes(before, evidence)
                changes = ("; ".join(repaired) or "nothing") + (f" (new: {'; '.join(new)})" if new else "")
            before = evidence
        star = "*" if turn is outcome.best else " "
        reward = "-" if turn.reward is None else f"{turn.reward:.3f}"
        lines.append(f"{turn.number:3d}{star}  {turn.status:11s}  {reward:>6s}  {faults:>6s}  {changes}")
    return lines


def faults_left(outcome: Outcome) -> list[str]:
    """A line for each of the first faults of the best turn, and one for all others."""
    if outcome.best is None:
        return []
    faults = outcome.best.score.evidence.faults()
    lines = [f"fault: {fault.sentence()}" for fault in faults[:MOST_FAULTS]]
    more = len(faults) - MOST_FAULTS
    return [*lines, f"and {more} more, see turns.jsonl"] if more > 0 else lines
