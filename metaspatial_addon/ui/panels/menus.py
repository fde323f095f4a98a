"""The menu Arrange Furniture in the 3D viewport's Object menu: by it, F3 finds the operators in plain words."""

from __future__ import annotations

import bpy
from bpy.types import Context, Menu

from ..state.identifiers import Menus, Operators

_OPERATORS = (
    (Operators.GENERATE_LAYOUT, Operators.ANOTHER, Operators.FIX_BROKEN, Operators.REFINE_FROM_HERE),
    (Operators.ACCEPT_TURN, Operators.SHOW_ORIGINALS, Operators.EXPORT_LAYOUT),
    (Operators.SET_FLOOR, Operators.ADD_DOOR, Operators.ADD_WINDOW, Operators.MAKE_ROOM),
    (Operators.PICK_ASSETS, Operators.ADD_ASSETS, Operators.SAME_CATEGORY, Operators.EXAMPLE_SCENE),
)


class METASPATIAL_MT_arrange_furniture(Menu):
    bl_idname = Menus.ARRANGE_FURNITURE
    bl_label = "Arrange Furniture"

    def draw(self, _context: Context) -> None:
        for k, group in enumerate(_OPERATORS):
            if k:
                self.layout.separator()
            for operator in group:
                self.layout.operator(operator)


def _draw_entry(self: Menu, _context: Context) -> None:
    self.layout.separator()
    self.layout.menu(Menus.ARRANGE_FURNITURE)


_register_classes, _unregister_classes = bpy.utils.register_classes_factory((METASPATIAL_MT_arrange_furniture,))


def register() -> None:
    _register_classes()
    bpy.types.VIEW3D_MT_object.append(_draw_entry)


def unregister() -> None:
    bpy.types.VIEW3D_MT_object.remove(_draw_entry)
    _unregister_classes()
