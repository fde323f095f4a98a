"""Every name that Blender knows the add-on's interface by: package, operators, panels, lists, menus.

`bl_idname` of every class, and every `layout.operator`, takes its string from here.
"""

from __future__ import annotations

from enum import StrEnum

CONTEXT = "MetaSpatial"
"""Translation context of words that mean something else in the rest of Blender, such as "Floor" and "Turns"."""

_ADDON = "metaspatial_addon"


def root_package(package: str) -> str:
    """The package that Blender knows the add-on by, from the name of a package inside it.

    As an extension that is the manifest's, `bl_ext.<repository>.metaspatial`; without one, this package itself.
    """
    before, _, _ = f".{package}.".rpartition(f".{_ADDON}.")
    return before.lstrip(".") or _ADDON


ROOT = root_package(__package__)
"""Key of the add-on in `preferences.addons`, and what `bpy.utils.extension_path_user` wants."""

LARGEST_SEED = 2**31 - 1
"""Of a run: 31 bits, which every consumer of a seed takes."""

TAB = "MetaSpatial"
"""The tab in the 3D viewport's sidebar."""


class Operators(StrEnum):
    """`bl_idname` of the operators."""

    GENERATE_LAYOUT = "metaspatial.generate_layout"
    ANOTHER = "metaspatial.another"
    CANCEL = "metaspatial.cancel"
    FIX_BROKEN = "metaspatial.fix_broken"
    REFINE_FROM_HERE = "metaspatial.refine_from_here"
    SHOW_TURN = "metaspatial.show_turn"
    SHOW_ORIGINALS = "metaspatial.show_originals"
    COMPARE_TURNS = "metaspatial.compare_turns"
    ACCEPT_TURN = "metaspatial.accept_turn"
    DELETE_TURN = "metaspatial.delete_turn"
    CLEAR_TURNS = "metaspatial.clear_turns"
    SELECT_FAULT = "metaspatial.select_fault"
    SHOW_PICTURES = "metaspatial.show_pictures"
    SHOW_REASONING = "metaspatial.show_reasoning"
    EXPORT_LAYOUT = "metaspatial.export_layout"
    EXAMPLE_SCENE = "metaspatial.example_scene"
    MAKE_ROOM = "metaspatial.make_room"
    SET_FLOOR = "metaspatial.set_floor"
    ADD_DOOR = "metaspatial.add_door"
    ADD_WINDOW = "metaspatial.add_window"
    ROTATE_FRONT = "metaspatial.rotate_front"
    SAME_CATEGORY = "metaspatial.same_category"
    SCALE_ITEMS = "metaspatial.scale_items"
    MAKE_REAL = "metaspatial.make_real"
    ADD_WISH = "metaspatial.add_wish"
    REMOVE_WISH = "metaspatial.remove_wish"
    READ_WISHES = "metaspatial.read_wishes"
    PICK_ASSETS = "metaspatial.pick_assets"
    ADD_ASSETS = "metaspatial.add_assets"
    ADD_LIBRARY = "metaspatial.add_library"
    USE_PROMPT = "metaspatial.use_prompt"
    TEST_CONNECTION = "metaspatial.test_connection"
    SELF_CHECK = "metaspatial.self_check"
    OPEN_LOG = "metaspatial.open_log"
    CLEAR_KEY = "metaspatial.clear_key"
    DISMISS_NOTICE = "metaspatial.dismiss_notice"
    DISMISS_UPDATE = "metaspatial.dismiss_update"


class Panels(StrEnum):
    """`bl_idname` of the panels."""

    MAIN = "METASPATIAL_PT_main"
    ROOM = "METASPATIAL_PT_room"
    ITEMS = "METASPATIAL_PT_items"
    WISHES = "METASPATIAL_PT_wishes"
    MODEL = "METASPATIAL_PT_model"
    TURNS = "METASPATIAL_PT_turns"
    EXPORT = "METASPATIAL_PT_export"


class Lists(StrEnum):
    """`bl_idname` of the lists."""

    TURNS = "METASPATIAL_UL_turns"
    ASSETS = "METASPATIAL_UL_assets"
    WISHES = "METASPATIAL_UL_wishes"


class Menus(StrEnum):
    """`bl_idname` of the menus."""

    RECENT_PROMPTS = "METASPATIAL_MT_recent_prompts"
    COMPARE = "METASPATIAL_MT_compare"
    ARRANGE_FURNITURE = "METASPATIAL_MT_arrange_furniture"
