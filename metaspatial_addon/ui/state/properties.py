"""What the add-on keeps on scenes and objects (saved in the .blend) and on the window manager (not saved).

No progress, key or path is kept on a scene or an object.
"""

from __future__ import annotations

from collections.abc import Sequence

import bpy
from bpy.props import (
    BoolProperty,
    CollectionProperty,
    EnumProperty,
    FloatProperty,
    FloatVectorProperty,
    IntProperty,
    PointerProperty,
    StringProperty,
)
from bpy.types import Collection, Context, Object, PropertyGroup, Scene, WindowManager

from ...blender.turns import turn_visibility, turns
from ...core.furniture import ROOM_TYPES
from ...core.relation_words import PREDICATE_WORDS
from ...prompts.names import matching_categories
from ...prompts.wishes.walls import PLACES
from . import wishes
from .identifiers import CONTEXT, LARGEST_SEED
from .item_cache import listed, listed_items
from .job_status import status
from .scene.listed_turns import listed_turn

NOT_ANIMATABLE: set[str] = set()
"""Options of a property that cannot be animated."""


def _article(noun: str) -> str:
    return "an" if noun[0] in "aeiou" else "a"


ROOM_SOURCES = (
    ("FLOOR", "Floor Object", "The outline of a floor object, of any shape"),
    ("WALLS", "Walls", "The space that the walls of a collection enclose"),
    ("SIZE", "Dimensions", "A rectangle of that width, depth and height"),
)
ROOM_KINDS = (
    ("room", "Any Room", "No certain kind of room"),
    *((name, name.title().replace("'S", "'s"), f"The room is {_article(name)} {name}") for name in ROOM_TYPES),
)
ITEM_SOURCES = (
    ("SELECTED", "Selected", "The objects that are selected"),
    ("COLLECTION", "Collection", "All objects of a collection"),
    ("LIBRARY", "From Library", "Furniture picked from the asset libraries by words"),
)
FRONTS = (
    ("-Y", "-Y", "The front faces the object's -Y, as in Blender's front view"),
    ("+X", "+X", "The front faces the object's +X"),
    ("+Y", "+Y", "The front faces the object's +Y"),
    ("-X", "-X", "The front faces the object's -X"),
)
OPENINGS = (
    ("NONE", "None", "No opening"),
    ("DOOR", "Door", "A door: the floor that it swings over is kept free"),
    ("DOOR_END", "Door, Other Hinge", "A door that turns about its other side"),
    ("WINDOW", "Window", "A window: the strip before it is kept free"),
)

PREDICATE_ITEMS = tuple(
    (name, words.capitalize(), f"The item stands {words} the other") for name, words in PREDICATE_WORDS.items()
)


def _can_be_floor(_settings: PropertyGroup, obj: Object) -> bool:
    return (
        obj.type in {"MESH", "CURVE", "SURFACE"}
        and any(obj.name in scene.objects for scene in obj.users_scene)
        and turns.KEY not in obj
    )


def _is_artists(_settings: PropertyGroup, collection: Collection) -> bool:
    return turns.KEY not in collection


def _is_run(settings: PropertyGroup, collection: Collection) -> bool:
    return collection in turns.runs(settings.id_data)


def _is_turn(settings: PropertyGroup, collection: Collection) -> bool:
    return any(collection in turns.turns(run) for run in turns.runs(settings.id_data))


def _scale(settings: PropertyGroup) -> float:
    """Metres in one unit of the scene that the settings belong to."""
    return settings.id_data.unit_settings.scale_length or 1.0


# Blender evaluates annotations without this module's names in reach of a lambda: callbacks are functions.
def _shown_size(settings: PropertyGroup) -> tuple[float, ...]:
    return tuple(length / _scale(settings) for length in settings.size)


def _set_shown_size(settings: PropertyGroup, value: Sequence[float]) -> None:
    settings.size = [length * _scale(settings) for length in value]


def _shown_height(settings: PropertyGroup) -> float:
    return settings.height / _scale(settings)


def _set_shown_height(settings: PropertyGroup, value: float) -> None:
    settings.height = value * _scale(settings)


def _show_picked(settings: PropertyGroup, context: Context) -> None:
    """Picking a turn in the list shows it. It is shown already when it was listed because it arrived."""
    scene = settings.id_data
    turn = listed_turn(scene)
    if turn is not None and turn != turn_visibility.shown(scene) and context.mode == "OBJECT":
        status.restart_placement()
        turn_visibility.show(scene, turn)


def _read_prompt(settings: PropertyGroup, context: Context) -> None:
    """A new prompt is read at once, but for one of another scene than the window's, which Generate Layout reads."""
    if settings.id_data == context.scene:
        wishes.read_prompt(settings, listed(context))


def _subjects(_wish: PropertyGroup, context: Context, typed: str) -> list[str]:
    return [obj.name for obj in listed_items(context) if typed.lower() in obj.name.lower()]


def _objects(wish: PropertyGroup, context: Context, typed: str) -> list[str]:
    names = PLACES.get(wish.predicate) or [obj.name for obj in listed_items(context) if obj.name != wish.subject]
    return [name for name in names if typed.lower() in name.lower()]


class METASPATIAL_PG_wish(PropertyGroup):
    """A relation that the artist wishes for. `phrase` and `read`: the prompt's words that it was read from, and what
    was read of them; both empty for one that was added by hand."""

    ticked: BoolProperty(name="Wished", description="Layouts are to do this", default=True, options=NOT_ANIMATABLE)
    subject: StringProperty(
        name="Item",
        description="The item that it is about",
        search=_subjects,
        options=NOT_ANIMATABLE,
        translation_context=CONTEXT,
    )
    predicate: EnumProperty(
        name="Relation",
        description="How the item is to stand",
        items=PREDICATE_ITEMS,
        default="next_to",
        options=NOT_ANIMATABLE,
        translation_context=CONTEXT,
    )
    object: StringProperty(
        name="To",
        description="The other item, or the part of the room. North is up in a plan",
        search=_objects,
        options=NOT_ANIMATABLE,
        translation_context=CONTEXT,
    )
    negated: BoolProperty(
        name="Not", description="It must not stand so", options=NOT_ANIMATABLE, translation_context=CONTEXT
    )
    phrase: StringProperty(name="Words", description="The words of the prompt")
    read: StringProperty(options={"HIDDEN"})
    removed: BoolProperty(description="The artist took it from the list", options={"HIDDEN"})


class METASPATIAL_PG_scene(PropertyGroup):
    """Settings of one scene: `scene.metaspatial`."""

    room_source: EnumProperty(
        name="Room From",
        description="Where the room's outline comes from",
        items=ROOM_SOURCES,
        default="FLOOR",
        options=NOT_ANIMATABLE,
    )
    floor: PointerProperty(
        name="Floor",
        description="The object whose outline is the room's floor",
        type=Object,
        poll=_can_be_floor,
        translation_context=CONTEXT,
    )
    walls: PointerProperty(
        name="Walls", description="The collection that holds the room's walls", type=Collection, poll=_is_artists
    )
    # Kept in metres whatever the scene's units are; what the panel shows beside them follows the units.
    size: FloatVectorProperty(size=3, default=(4.0, 3.5, 2.7), min=0.5, max=100.0, options={"HIDDEN"})
    height: FloatProperty(default=2.7, min=1.0, max=30.0, options={"HIDDEN"})
    shown_size: FloatVectorProperty(
        name="Size",
        description="Width, depth and height of the room",
        size=3,
        subtype="XYZ_LENGTH",
        unit="LENGTH",
        min=0.0,
        precision=3,
        options=NOT_ANIMATABLE,
        get=_shown_size,
        set=_set_shown_size,
    )
    shown_height: FloatProperty(
        name="Height",
        description="Height of the ceiling above the floor",
        subtype="DISTANCE",
        unit="LENGTH",
        min=0.0,
        precision=3,
        options=NOT_ANIMATABLE,
        get=_shown_height,
        set=_set_shown_height,
    )
    room_type: EnumProperty(
        name="Kind", description="What the room is used for", items=ROOM_KINDS, default="room", options=NOT_ANIMATABLE
    )
    items_source: EnumProperty(
        name="Items From",
        description="What is to be laid out",
        items=ITEM_SOURCES,
        default="SELECTED",
        options=NOT_ANIMATABLE,
        translation_context=CONTEXT,
    )
    items: PointerProperty(
        name="Items", description="The collection whose objects are laid out", type=Collection, poll=_is_artists
    )
    others_are_obstacles: BoolProperty(
        name="Avoid Other Objects",
        description="Other objects that stand in the room stay where they are, and items keep clear of them",
        default=True,
        options=NOT_ANIMATABLE,
    )
    carry: BoolProperty(
        name="Carry What Stands on Items",
        description="Books move with their shelf, the mattress with its bed; otherwise each is laid out by itself",
        default=True,
        options=NOT_ANIMATABLE,
    )
    prompt: StringProperty(
        name="Prompt",
        description="What the room should be like, in your own words",
        maxlen=4000,
        options=NOT_ANIMATABLE,
        update=_read_prompt,
        translation_context=CONTEXT,
    )
    wishes: CollectionProperty(
        name="Wishes",
        description="What layouts are to do, read from the prompt or added by hand",
        type=METASPATIAL_PG_wish,
    )
    wish_index: IntProperty(name="Wish", min=0, options={"HIDDEN"})
    not_understood: StringProperty(
        name="Not Understood", description="Words of the prompt that seem to be wishes and could not be read"
    )
    turns: IntProperty(
        name="Turns",
        description="How often the model looks at its layout and mends it, at most; it stops early when nothing is "
        "left to mend",
        default=3,
        min=1,
        max=10,
        options=NOT_ANIMATABLE,
        translation_context=CONTEXT,
    )
    seed: IntProperty(
        name="Seed",
        description="The same seed gives the same layout again",
        min=0,
        max=LARGEST_SEED,
        options=NOT_ANIMATABLE,
    )
    randomise: BoolProperty(
        name="Randomise",
        description="Draw a new seed each time; the seed used stays in the field",
        default=True,
        options=NOT_ANIMATABLE,
    )
    run: PointerProperty(
        name="Run",
        description="The run whose turns are listed; none: the newest",
        type=Collection,
        poll=_is_run,
    )
    turn_index: IntProperty(
        name="Turn",
        description="The turn that is looked at, among the run's children",
        min=0,
        options={"HIDDEN"},
        update=_show_picked,
    )
    compare_with: PointerProperty(
        name="Compare With",
        description="Outlines and arrows show what moved from this turn to the one shown",
        type=Collection,
        poll=_is_turn,
    )


def _search_categories(_settings: PropertyGroup, _context: Context, text: str) -> list[str]:
    return matching_categories(text)


class METASPATIAL_PG_object(PropertyGroup):
    """Settings of one object: `object.metaspatial`."""

    locked: BoolProperty(
        name="Locked", description="Stays where it is; the others are laid out around it", options=NOT_ANIMATABLE
    )
    category: StringProperty(
        name="Category",
        description='What it is, such as "desk", in any language; left empty, it is guessed from names and size',
        maxlen=60,
        options=NOT_ANIMATABLE,
        search=_search_categories,
        search_options={"SUGGESTION"},
    )
    front: EnumProperty(
        name="Front",
        description="The object's own axis that its front faces",
        items=FRONTS,
        default="-Y",
        options=NOT_ANIMATABLE,
    )
    scale: FloatProperty(
        name="Scale in Layouts",
        description="So many times as large as it is, it is laid out; accepting a turn scales it",
        default=1.0,
        min=1e-4,
        max=1e4,
        precision=4,
        options=NOT_ANIMATABLE,
    )
    opening: EnumProperty(
        name="Opening",
        description="What the object marks in a wall",
        items=OPENINGS,
        default="NONE",
        options=NOT_ANIMATABLE,
        translation_context=CONTEXT,
    )


class METASPATIAL_PG_asset(PropertyGroup):
    """One asset that was found in a library, to be ticked; `name` is the asset's."""

    library: StringProperty(name="Library", description="The asset library that it is from")
    file: StringProperty(name="File", description="The .blend that holds it")
    kind: EnumProperty(
        name="Kind",
        description="The kind of data-block",
        items=(("COLLECTION", "Collection", "A collection"), ("OBJECT", "Object", "An object")),
    )
    category: StringProperty(name="Category", description="What it is")
    reason: StringProperty(name="Reason", description="What needs it, where nobody asked for it")
    count: IntProperty(name="Count", description="How many of it to add", default=1, min=1, soft_max=12, max=99)
    ticked: BoolProperty(name="Add", description="Add it to the scene", default=True, translation_context=CONTEXT)


class METASPATIAL_PG_check(PropertyGroup):
    """One line of the self-check; `name` is the part that was tested."""

    state: EnumProperty(
        name="State",
        items=(("WAITING", "Waiting", ""), ("OK", "Works", ""), ("FAILED", "Fails", ""), ("SKIPPED", "Not used", "")),
    )
    message: StringProperty(name="Message", description="What was found, and what to do about it")


class METASPATIAL_PG_window(PropertyGroup):
    """What passes with the session: `window_manager.metaspatial`."""

    words: StringProperty(
        name="Look For",
        description='Furniture to pick from the asset libraries, such as "double bed, two nightstands"; left empty, '
        "the prompt's words",
        maxlen=1000,
    )
    assets: CollectionProperty(type=METASPATIAL_PG_asset, options={"HIDDEN"})
    asset_index: IntProperty(options={"HIDDEN"})
    checks: CollectionProperty(type=METASPATIAL_PG_check, options={"HIDDEN"})
    overlay: BoolProperty(
        name="Overlay",
        description="Blue: the fronts of items, and the floor that doors and windows need free. "
        "Violet: where items stood in the turn that is compared, with arrows to where they stand now",
        default=True,
    )


CLASSES = (
    METASPATIAL_PG_wish,
    METASPATIAL_PG_scene,
    METASPATIAL_PG_object,
    METASPATIAL_PG_asset,
    METASPATIAL_PG_check,
    METASPATIAL_PG_window,
)
_OWNERS = ((Scene, METASPATIAL_PG_scene), (Object, METASPATIAL_PG_object), (WindowManager, METASPATIAL_PG_window))

_register_classes, _unregister_classes = bpy.utils.register_classes_factory(CLASSES)


def register() -> None:
    _register_classes()
    for owner, group in _OWNERS:
        owner.metaspatial = PointerProperty(type=group)


def unregister() -> None:
    for owner, _group in _OWNERS:
        del owner.metaspatial
    _unregister_classes()
