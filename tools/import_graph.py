"""Who imports whom in this checkout, read from the source. Used by tests/test_imports.py and `draw_architecture`."""

from __future__ import annotations

import ast
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]
PACKAGES = ("metaspatial_addon", "headless")
COMMANDS = ("__main__", "generate", "score", "tasks", "pretrain", "train", "evaluate", "serve")
"""The modules of `headless/` that are run, and imported by nobody."""


def source_files() -> list[Path]:
    """Every Python file of the add-on and of the headless commands, relative to the checkout."""
    return sorted(path.relative_to(CHECKOUT) for name in PACKAGES for path in (CHECKOUT / name).rglob("*.py"))


def imported_modules(path: Path, tree: ast.AST) -> list[str]:
    """The absolute dotted name of every module that `tree`, parsed from `path` (relative to the checkout), imports.

    `from . import x` may name a module or an attribute: `x` is listed as if it were a module.
    """
    package = path.parent.parts
    names = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            module = ".".join(filter(None, (base, node.module)))
            names += [module, *(f"{module}.{alias.name}" for alias in node.names)]
    return names


def module_graph(hidden: bool) -> dict[str, set[str]]:
    """The modules of ours that each module imports, by dotted names.

    `hidden`: those that are imported within functions as well; else those that are imported with the module.
    """
    modules = {".".join(path.with_suffix("").parts).removesuffix(".__init__"): path for path in source_files()}
    graph: dict[str, set[str]] = {}
    for module, path in modules.items():
        tree = ast.parse((CHECKOUT / path).read_text(encoding="utf-8"))
        if not hidden:
            for node in ast.walk(tree):
                if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
                    node.body = []
        names = imported_modules(path, tree)
        targets = {name if name in modules else name.rpartition(".")[0] for name in names}
        # `from package import module` names the package too, and needs nothing of it but that module.
        packages = {name for name in targets if any(other.startswith(f"{name}.") for other in targets & modules.keys())}
        graph[module] = (targets & modules.keys()) - packages - {module}
    return graph


def part_of(module: str) -> str | None:
    """The part that a dotted module name belongs to, such as `metaspatial_addon.core` or `headless.rl`.

    Of the modules right in `headless/`, the commands are the part `headless.commands`, what they share (`cli`, …) is
    `headless.shared`. None for modules that are not ours, and for the add-on's root, which registers the interface.
    """
    package, _, rest = module.partition(".")
    name = rest.partition(".")[0]
    if package not in PACKAGES or not name:
        return None
    if (CHECKOUT / package / name).is_dir():
        return f"{package}.{name}"
    if package == "headless":
        return "headless.commands" if name in COMMANDS else "headless.shared"
    return None


def parts_graph() -> dict[str, set[str]]:
    """The parts that each part imports."""
    graph: dict[str, set[str]] = {}
    for path in source_files():
        part = part_of(".".join(path.with_suffix("").parts))
        if part is None or path.stem == "__init__":
            continue
        tree = ast.parse((CHECKOUT / path).read_text(encoding="utf-8"))
        others = {part_of(name) for name in imported_modules(path, tree)}
        graph.setdefault(part, set()).update(other for other in others if other not in (None, part))
    return graph
