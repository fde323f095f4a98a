"""The import rules: who may import whom, and what imports without Blender."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tools.import_graph import CHECKOUT, imported_modules, module_graph

ADDON = CHECKOUT / "metaspatial_addon"
BLENDER_MODULES = {"bpy", "bmesh", "mathutils", "gpu", "bl_ui"}
HEAVY_MODULES = BLENDER_MODULES | {"torch", "transformers", "peft", "PIL"}
# The parts below the episode, and what each may import of the others.
BELOW = {
    "core": set(),
    "prompts": {"core"},
    "scoring": {"core"},
    "policy": {"core", "prompts"},
    "blender": {"core", "prompts"},
}
# What brings the parts below together.
MIDDLE = {"episode"}
# The parts above it, which nothing below them imports.
ABOVE = {"worker", "ui"}


def sources(part: str) -> list[Path]:
    """The Python files of one part of the add-on: a folder or a module."""
    return sorted((ADDON / part).rglob("*.py")) or [ADDON / f"{part}.py"]


def parts_imported(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    dotted = [name.split(".") for name in imported_modules(path.relative_to(CHECKOUT), tree)]
    return {name[1] for name in dotted if name[0] == "metaspatial_addon" and len(name) > 1}


@pytest.mark.parametrize("part", sorted({*BELOW, *MIDDLE}))
def test_imports_point_one_way(part: str) -> None:
    forbidden = ABOVE if part in MIDDLE else {*BELOW, *MIDDLE, *ABOVE} - BELOW[part] - {part}
    wrong = {
        str(path.relative_to(CHECKOUT)): sorted(found)
        for path in sources(part)
        if (found := parts_imported(path) & forbidden)
    }
    assert wrong == {}


@pytest.mark.parametrize("part", ["core", "prompts", "scoring", "policy"])
def test_these_parts_import_no_blender(part: str) -> None:
    wrong = {
        str(path.relative_to(CHECKOUT)): sorted(found)
        for path in sources(part)
        if (
            found := {
                n.split(".")[0]
                for n in imported_modules(path.relative_to(CHECKOUT), ast.parse(path.read_text("utf-8")))
            }
            & BLENDER_MODULES
        )
    }
    assert wrong == {}


def test_relative_imports_are_resolved(tmp_path: Path) -> None:
    tree = ast.parse("from ..core.task import Task\nfrom . import weights\nimport bpy.types\n")
    names = imported_modules(Path("metaspatial_addon/scoring/terms.py"), tree)
    assert "metaspatial_addon.core.task" in names
    assert "metaspatial_addon.scoring.weights" in names
    assert "bpy.types" in names


def circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """Groups of modules that import each other, directly or through others."""
    reachable: dict[str, set[str]] = {}
    for start in graph:
        seen: set[str] = set()
        waiting = list(graph[start])
        while waiting:
            module = waiting.pop()
            if module not in seen:
                seen.add(module)
                waiting += graph.get(module, ())
        reachable[start] = seen
    groups = {
        tuple(sorted(other for other in seen if start in reachable[other]))
        for start, seen in reachable.items()
        if start in seen
    }
    return [list(group) for group in sorted(groups)]


def test_circles_are_found() -> None:
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a", "d"}, "d": set(), "e": {"a"}}) == [["a", "b", "c"]]
    assert circles({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []


def test_no_modules_import_each_other() -> None:
    assert circles(module_graph(hidden=False)) == []


def test_no_import_within_a_function_hides_a_circle() -> None:
    """Imports within functions are for what is heavy or may be missing (bpy, torch), not for circles."""
    assert circles(module_graph(hidden=True)) == []


def run_without(modules: set[str], code: str) -> subprocess.CompletedProcess[str]:
    """Run `code` in a fresh Python in which none of `modules` can be imported."""
    block = f"import sys\nfor name in {sorted(modules)!r}: sys.modules[name] = None\n"
    return subprocess.run(
        [sys.executable, "-c", block + code], cwd=CHECKOUT, capture_output=True, text=True, timeout=60, check=False
    )


def test_the_addon_imports_without_blender() -> None:
    result = run_without(BLENDER_MODULES, "import metaspatial_addon; print(metaspatial_addon.__version__)")
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("part", ["core", "prompts", "scoring", "policy"])
def test_every_module_of_these_parts_imports_with_numpy_alone(part: str) -> None:
    modules = [
        ".".join(path.relative_to(CHECKOUT).with_suffix("").parts).removesuffix(".__init__") for path in sources(part)
    ]
    result = run_without(HEAVY_MODULES, f"import importlib\nfor m in {modules!r}: importlib.import_module(m)\n")
    assert result.returncode == 0, result.stderr


def test_the_picture_of_the_architecture_is_of_these_imports() -> None:
    """A part that imports in a circle fails as well: then there is no picture to draw."""
    result = subprocess.run(
        [sys.executable, "tools/draw_architecture.py", "--check"],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr


def test_register_and_unregister_can_be_repeated() -> None:
    bpy = pytest.importorskip("bpy", reason="bpy is not installed here")
    import metaspatial_addon

    before = set(dir(bpy.types))
    for _ in range(2):
        metaspatial_addon.register()
        metaspatial_addon.unregister()
    assert set(dir(bpy.types)) == before


def test_the_folders_of_blender_import_one_way() -> None:
    """Each folder of `blender/` may import what stands before it here."""
    order = ["", "assets", "turns", "scene_io", "physics", "rendering"]  # "": the files beside the folders
    root = "metaspatial_addon.blender."
    wrong = {}
    for path in sources("blender"):
        folder = path.relative_to(ADDON / "blender").parts[0]
        allowed = set(order[: order.index(folder if folder in order else "") + 1])
        names = imported_modules(path.relative_to(CHECKOUT), ast.parse(path.read_text(encoding="utf-8")))
        tops = {name.removeprefix(root).split(".")[0] for name in names if name.startswith(root)}
        if beyond := {top if top in order else "" for top in tops} - allowed:
            wrong[str(path.relative_to(CHECKOUT))] = sorted(beyond)
    assert wrong == {}
