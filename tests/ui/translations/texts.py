"""Every text that the interface shows, found in the registered classes and in the code that draws and reports."""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import bpy

from metaspatial_addon.core.detectors.needs import USES
from metaspatial_addon.core.relation_words import PREDICATE_WORDS, relation_phrase
from metaspatial_addon.prompts.wishes.walls import PLACES
from metaspatial_addon.ui.state.identifiers import CONTEXT
from metaspatial_addon.ui.translations import tables
from tools.import_graph import CHECKOUT

ADDON = CHECKOUT / "metaspatial_addon"
MARKERS = ("iface_", "rpt_", "n_")
"""Functions that look a text up, or mark it to be looked up later."""
OPERATOR = "Operator"
INHERITED = ("rna_type", "name", "bl_idname", "filepath", "check_existing")
"""Properties that are Blender's, and told of by Blender."""

SENTENCE_MODULES = (
    "blender/assets/search.py",
    "blender/immovable.py",
    "blender/scene_io/carried.py",
    "blender/scene_io/obstacles.py",
    "blender/scene_io/openings.py",
    "blender/scene_io/room/room_outline.py",
    "blender/scene_io/scene_items.py",
    "blender/scene_io/scene_to_task.py",
    "blender/turns/turn_collections.py",
    "core/faults.py",
    "core/relation_words.py",
    "core/scale.py",
    "episode/scorer.py",
    "episode/tidy.py",
    "episode/turn.py",
    "policy/base.py",
    "policy/builtin/policy.py",
    "policy/endpoint/completion.py",
    "policy/endpoint/connections.py",
    "policy/endpoint/dialect.py",
    "policy/endpoint/failures.py",
    "policy/endpoint/policy.py",
    "policy/groups.py",
    "policy/local.py",
    "policy/model_loading.py",
    "prompts/answer.py",
    "prompts/loose_answer.py",
    "prompts/wishes/reading.py",
    "prompts/wishes/task.py",
    "ui/state/scene/scaling.py",
    "ui/state/turn_cache.py",
    "worker/jobs.py",
    "worker/models.py",
)
"""Where the sentences are made that are recognised when they are shown."""
NOT_SHOWN = {
    # names, units and what is said to a model
    *("{} object", "{} m", "{} m wide", "{} ({} m)", "Turn {} {}", "Bearer {}", "A small study.", "one of {}"),
    *("What do you see? Answer in one word.", "(no answer)", "(No picture could be sent.)"),
    *("Floor that other items take (x, y):", "({} to {}, {} to {})"),
    "(These pictures are on one sheet, from left to right.)",
    *("{} failed {} times: {}: {}", "building the room", "building a room"),
    # parts of a sentence that stands in the tables as a whole
    *("Check that its folder or hub name is complete.", "Try again with fewer turns, or with another model."),
    # what a library raises, and is looked for in it
    *("a single", "out of memory", "not enough memory", "of no kind", "transformers does not know this kind"),
    # names of faults, tokens for the embedded model, what a record of faults must hold, words of predicates
    *("{} overlaps {}", "{} blocked", "items colliding", "items outside", "items unreachable", "items cramped"),
    *("{} overlaps {}{}", "{} outside{}", "{} floats{}", "{} cramped{}", " blocks door\n", " blocks window\n"),
    *("a text", "a number", "true or false", "a list of texts", "an object", "a list", "tuple[str, ...]"),
    *PREDICATE_WORDS.values(),
    # errors of callers, which no artist can make
    *("the scene was deleted", "one JSON object with a type on a line"),
    *("this scorer has no renderer", "judge: expected a renderer, since it grades renders"),
    *("The temperature must not be negative, and it is {}.", "No request was sent to {}: `tries` must be at least 1."),
    *("its text holds the placeholder of a picture", "The embedded model cannot read this conversation: {}."),
    *("The embedded model cannot see this picture: {}.", "it is nested deeper than {} levels"),
}
"""Texts of those modules that the interface does not show."""
NO_TEXTS = {
    # names of data-blocks, which are the artist's to change, and categories
    *("MetaSpatial Example", "MetaSpatial Items", "MetaSpatial Openings", "MetaSpatial Room", "{} reasoning"),
    *("Wall Front", "Wall Right", "Wall Back", "Wall Left", "double bed", "office chair", "table lamp", "potted plant"),
    # identifiers, a pattern, a bug, and the descriptions of hidden properties
    *("{}_faults", "{}_pictures", "{}_reasoning", r"{}(\.\d{3})?", "one job at a time"),
    *("The artist took it from the list", "The turn that is looked at, among the run's children"),
    # choices, which `class_texts` has one by one
    *("The item stands {} the other", "The room is {} {}"),
}
"""Strings of the interface's code that it does not show as they stand there."""
COMPOSED = (
    *("{}: expected {}, got {}", "{}: expected {}", "floor: expected {}, got {}", "floor: expected {}"),
    *(
        "walls: expected {}",
        "objects: expected {}",
        "{}; {}",
        "{}.",
        "{} {}.",
        "items",
        "door",
        "window",
        "The answer could not be used",
    ),
    *(
        f"{work} failed {{}} times: {{}}: {{}}"
        for work in ("building the room", "building a room", "physics", "rendering")
    ),
    *(
        f"{{}}: {{}} {advice}"
        for advice in (
            "Check that its folder or hub name is complete.",
            "Try again with fewer turns, or with another model.",
        )
    ),
)
"""Texts that are put together of parts, by `InputError` among others, and words that stand in them."""


class Found(NamedTuple):
    """A text and its context, and where it is."""

    context: str
    text: str
    place: str


def class_texts() -> Iterator[Found]:
    """Labels, tooltips and choices of the registered classes and their properties."""
    for base in (
        bpy.types.Operator,
        bpy.types.Panel,
        bpy.types.Menu,
        bpy.types.PropertyGroup,
        bpy.types.AddonPreferences,
    ):
        for cls in base.__subclasses__():
            if not (cls.is_registered and cls.__module__.startswith("metaspatial_addon.")):
                continue
            rna = cls.bl_rna
            if base is bpy.types.Operator:
                group, _, verb = cls.bl_idname.partition(".")
                rna = getattr(getattr(bpy.ops, group), verb).get_rna_type()
                yield Found(tables.ANY_CONTEXT, rna.description, cls.__name__)
            if hasattr(cls, "bl_label"):
                yield Found(rna.translation_context, cls.bl_label, cls.__name__)
            for prop in rna.properties if base not in (bpy.types.Panel, bpy.types.Menu) else ():
                if prop.identifier not in INHERITED:
                    yield from _property_texts(prop, f"{cls.__name__}.{prop.identifier}")


def _property_texts(prop: Any, place: str) -> Iterator[Found]:
    if prop.is_hidden:
        return
    yield Found(prop.translation_context, prop.name, place)
    yield Found(tables.ANY_CONTEXT, prop.description, place)
    for item in getattr(prop, "enum_items", ()):
        yield Found(prop.translation_context, item.name, f"{place}.{item.identifier}")
        yield Found(tables.ANY_CONTEXT, item.description, f"{place}.{item.identifier}")


def code_texts() -> Iterator[Found]:
    """Texts that the interface's code draws or looks up."""
    for place, call in _calls():
        name = _name(call.func)
        if name in MARKERS and call.args and isinstance(call.args[0], ast.Constant):
            yield Found(CONTEXT if len(call.args) > 1 else tables.ANY_CONTEXT, str(call.args[0].value), place)
        for text in _shown_by_layout(call):
            if isinstance(text, ast.Constant):
                own = any(keyword.arg == "text_ctxt" for keyword in call.keywords)
                usual = OPERATOR if name == "operator" else tables.ANY_CONTEXT
                yield Found(CONTEXT if own else usual, str(text.value), place)


def english_only() -> Iterator[str]:
    """Places where the interface's code has words that are no text of the tables, and are not put into the log."""
    apart = {*SENTENCE_MODULES, "ui/translations/tables.py", "ui/translations/sentences.py"}
    known = {text for _, text in tables.read_po(tables.LANGUAGES / "de.po")}
    for path in sorted((ADDON / "ui").rglob("*.py")):
        module = str(path.relative_to(ADDON))
        for node, text in () if module in apart else _strings(path):
            words = text.replace("{}", "")
            formatted = isinstance(node, ast.JoinedStr)
            if re.search("[A-Za-z]", words) and (formatted or " " in words) and text not in known | NO_TEXTS:
                yield f"{module}:{node.lineno}: {ast.unparse(node)}"


def _strings(path: Path) -> Iterator[tuple[ast.expr, str]]:
    """The strings of a module but docstrings and what the log gets, {} for each value in them."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    silent = {id(part) for node in ast.walk(tree) if _says_nothing(node) for part in ast.walk(node)}
    silent |= {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if id(node) in silent:
            continue
        if isinstance(node, ast.JoinedStr):
            yield node, "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node, node.value


@functools.cache
def _calls() -> list[tuple[str, ast.Call]]:
    """Every call in the interface's code, and where it is."""
    calls = []
    for path in sorted((ADDON / "ui").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                calls.append((f"{path.relative_to(ADDON)}:{node.lineno}", node))
    return calls


def _name(function: ast.expr) -> str:
    return getattr(function, "attr", getattr(function, "id", ""))


def _shown_by_layout(call: ast.Call) -> list[ast.expr]:
    """The texts that a call draws, and Blender looks up."""
    given = {keyword.arg: keyword.value for keyword in call.keywords}
    if "translate" in given:
        return []
    texts = [part for name in ("text", "placeholder") if name in given for part in _parts(given[name])]
    return [text for text in texts if not (isinstance(text, ast.Constant) and not text.value)]


def _parts(value: ast.expr) -> list[ast.expr]:
    return [value.body, value.orelse] if isinstance(value, ast.IfExp) else [value]


@functools.cache
def sentence_skeletons() -> dict[str, str]:
    """The sentences that are made outside the interface, {} for each value, and where."""
    found = dict.fromkeys(COMPOSED, "COMPOSED") | dict.fromkeys(USES.values(), "needs.py")
    found |= {text: "walls.py" for places in PLACES.values() for text in places}
    for predicate in PREDICATE_WORDS:
        found |= {relation_phrase("{}", predicate, "{}", negated): "relation_words.py" for negated in (False, True)}
    for module in SENTENCE_MODULES:
        for node, written in _strings(ADDON / module):
            text = skeleton(written)
            if text in NOT_SHOWN or re.search(r"%s|[|\\\n]|==", text):  # the log's, patterns, packages
                continue
            if re.search("[a-z]", text.replace("{}", "")) and " " in text.strip():
                found.setdefault(text, f"{module}:{node.lineno}")
    return found


def _says_nothing(node: ast.AST) -> bool:
    """Whether a part of the code is a docstring, or goes to the log or the console."""
    if isinstance(node, ast.Call):
        function = ast.unparse(node.func)
        return function.startswith("log.") or function in ("print", "re.compile")
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def skeleton(template: str) -> str:
    """A template without the names of its values."""
    return re.sub(r"\{\w*\}", "{}", template)
