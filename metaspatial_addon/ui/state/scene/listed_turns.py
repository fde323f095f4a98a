"""The turns that the panel lists, and what is done with the one picked there."""

from __future__ import annotations

from bpy.types import Collection, Context, Image, Object, Scene

from ....blender.turns import compare, turn_collections, turn_properties, turn_visibility, turns
from .scaling import scales_followed


def listed_run(scene: Scene) -> Collection | None:
    """The run whose turns are listed: the one that was picked, else the newest."""
    runs = turns.runs(scene)
    picked = scene.metaspatial.run
    return picked if picked in runs else runs[-1] if runs else None


def listed_turn(scene: Scene) -> Collection | None:
    """The turn that is picked in the list."""
    run, index = listed_run(scene), scene.metaspatial.turn_index
    children = list(run.children) if run is not None else []
    return children[index] if 0 <= index < len(children) and children[index] in turns.turns(run) else None


def turn_of_number(scene: Scene, number: int) -> Collection | None:
    """The turn of that number in the run that is listed; 0: the one picked in the list, else the one shown."""
    if number == 0:
        return listed_turn(scene) or turn_visibility.shown(scene)
    run = listed_run(scene)
    return next((turn for turn in turns.turns(run) if turn[turns.KEY]["turn"] == number), None) if run else None


def best_turn(run: Collection) -> Collection | None:
    """The turn of the highest score, the first of those; None where no answer could be used."""
    scored = [(reward, turn) for turn in turns.turns(run) if (reward := turn_properties.reward(turn)) is not None]
    return max(scored, key=lambda entry: entry[0], default=(None, None))[1]


def turn_images(turn: Collection) -> list[Image]:
    """The renders of a turn: of the room, from above; none where they were not made."""
    return list(turn_properties.images(turn).values())


def accept(scene: Scene, turn: Collection) -> turn_collections.AcceptResult:
    """Move the originals that are not locked to where the turn has them."""
    locked = {obj for obj in scene.objects if obj.metaspatial.locked}
    with scales_followed(turn):
        return turn_collections.accept(scene, turn, locked)


def select_fault(context: Context, turn: Collection, fault: compare.TurnFault) -> list[Object]:
    """Show a turn, and select alone those of its objects that are at fault. Returns these objects."""
    if turn_visibility.shown(context.scene) != turn:
        turn_collections.show(context.scene, turn)
    layer = context.view_layer
    layer.update()
    for obj in list(layer.objects.selected):
        obj.select_set(False)
    objects = [obj for name in fault.objects if (obj := layer.objects.get(name)) is not None]
    for obj in objects:
        obj.select_set(True)
    if objects:
        layer.objects.active = objects[0]
    return objects
