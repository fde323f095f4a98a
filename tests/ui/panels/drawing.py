"""Panels drawn without a window, into a layout that writes down what it is asked for; and turns to draw."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import bpy

from metaspatial_addon.blender.turns import turns

EVIDENCE = {
    "overlaps": [{"a": "Bed", "b": "Desk", "depth": 0.2}],
    "outside": [],
    "unsupported": [],
    "unstable": [],
    "blocked": [],
    "unreachable": [{"id": "Desk"}],
    "relations": [],
}


class Drawn:
    """A layout that keeps what is drawn; all its parts write into one list of (kind, subject, options)."""

    def __init__(self, calls: list[tuple[str, Any, dict[str, Any]]] | None = None) -> None:
        self.calls = [] if calls is None else calls

    def __getattr__(self, kind: str) -> Any:
        if kind == "textbox" and not hasattr(bpy.types.UILayout, "textbox"):
            raise AttributeError(kind)
        if kind in ("row", "column", "box", "split", "grid_flow"):
            return lambda **_: Drawn(self.calls)
        if kind == "panel":
            return lambda *_, **__: (Drawn(self.calls), Drawn(self.calls))
        return lambda *what, **options: self._keep(kind, what, options)

    def _keep(self, kind: str, what: tuple[Any, ...], options: dict[str, Any]) -> SimpleNamespace:
        properties = SimpleNamespace()
        self.calls.append((kind, what[0] if kind == "operator" else what, {**options, "properties": properties}))
        return properties

    def texts(self) -> list[str]:
        return [options["text"] for kind, _, options in self.calls if kind == "label" and options.get("text")]

    def buttons(self) -> list[str]:
        return [what for kind, what, _ in self.calls if kind == "operator"]

    def fields(self) -> list[str]:
        return [what[1] for kind, what, _ in self.calls if kind in ("prop", "textbox")]


class PanelStandIn:
    """In place of a panel of Blender's: its layout, and what it has of `owner`."""

    def __init__(self, layout: Drawn, owner: Any) -> None:
        self.layout = layout
        self._owner = owner

    def column(self) -> Drawn:
        return self.layout

    def __getattr__(self, name: str) -> Any:
        return getattr(self._owner, name)


def draw(panel: type, width: int = 260, function: str = "draw", owner: Any = None) -> Drawn:
    """What a panel shows in a sidebar of that width, in pixels. `owner`: whose properties it draws as its own."""
    bpy.context.view_layer.update()  # as Blender does before it draws
    settings = bpy.context.preferences  # without a window there is no resolution scale
    context = SimpleNamespace(
        scene=bpy.context.scene,
        view_layer=bpy.context.view_layer,
        object=bpy.context.object,
        window_manager=bpy.context.window_manager,
        region=SimpleNamespace(width=width, type="UI"),
        preferences=SimpleNamespace(
            addons=settings.addons, ui_styles=settings.ui_styles, system=SimpleNamespace(ui_scale=1.0)
        ),
    )
    drawn = Drawn()
    stand_in = PanelStandIn(drawn, owner)
    getattr(panel, function)(stand_in, context)
    return drawn


def add_turn(run: bpy.types.Collection, reward: float, **record: Any) -> bpy.types.Collection:
    """A turn as one arrives, of no objects."""
    record = {"status": "ok", "reward": reward, "evidence": EVIDENCE, "think": "The bed goes first.", **record}
    turn = turns.new_turn(turns.next_number(run), record)
    run.children.link(turn)
    return turn
