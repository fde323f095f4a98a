"""What an artist asks for in words is what the embedded model's layout does, at the settings that an artist has."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace

import pytest

pytest.importorskip("bpy")

from metaspatial_addon.blender.assets.library import AssetLibrary
from metaspatial_addon.blender.physics.stage import Stage
from metaspatial_addon.core.faults import RelationScore
from metaspatial_addon.core.furniture import FURNITURE
from metaspatial_addon.core.relations import relation_scores
from metaspatial_addon.core.task import Item, Layout, Opening, Relation, Room, Task
from metaspatial_addon.episode.env import LayoutEnv
from metaspatial_addon.episode.play import play, prompt_format_of
from metaspatial_addon.episode.turn import Outcome, Turn
from metaspatial_addon.policy.builtin.policy import BuiltinPolicy
from metaspatial_addon.prompts.wishes.task import task_with_prompt_wishes
from metaspatial_addon.prompts.wishes.walls import WALLS, wall_named

TURNS, SAMPLES = 3, 8
"""What the panel and the command do by default with the embedded model."""
SEEDS = (0, 1, 2)
ROOM = Room(
    "room",
    ((0.0, 0.0), (7.0, 0.0), (7.0, 5.2), (0.0, 5.2)),
    2.7,
    (
        Opening("door_1", "door", 0, 0.4, 0.9, 0.0, 2.05),
        Opening("window_1", "window", 2, 2.2, 1.6, 0.9, 1.3),
    ),
)


@dataclass(frozen=True)
class Case:
    """A prompt, the categories of the items, and what must hold of them: categories, `room`, or names of walls.

    Of several walls one is enough. Of a category that is there twice, each of its items must.
    """

    prompt: str
    items: tuple[str, ...]
    holds: tuple[tuple[str, str, str], ...]


CASES = (
    Case(
        "Sofa and armchair facing each other",
        ("sofa", "armchair", "coffee table"),
        (("sofa", "facing", "armchair"), ("armchair", "facing", "sofa")),
    ),
    Case(
        "desk in the middle of the room",
        ("desk", "office chair", "bookcase"),
        (("desk", "centred", "room"),),
    ),
    Case(
        "bed in the middle, wardrobe at the east wall, desk at the west wall",
        ("double bed", "wardrobe", "desk", "office chair"),
        (("double bed", "centred", "room"), ("wardrobe", "against", "east wall"), ("desk", "against", "west wall")),
    ),
    Case(
        "bed in the north-west corner, desk far from the bed",
        ("double bed", "desk", "office chair", "wardrobe"),
        (
            ("double bed", "corner", "room"),
            ("double bed", "against", "north wall, west wall"),
            ("desk", "far", "double bed"),
        ),
    ),
    Case(
        "Bett an der Ostwand, Schrank an der Westwand",
        ("double bed", "wardrobe", "nightstand"),
        (("double bed", "against", "east wall"), ("wardrobe", "against", "west wall")),
    ),
    Case(
        "Never put the wardrobe against the south wall.",
        ("wardrobe", "single bed", "desk"),
        (("wardrobe", "not against", "south wall"),),
    ),
    Case(
        "We just painted the walls and it is a rental, so nothing fancy, calm and bright and practical, nothing in "
        "front of the window please, and the desk belongs at the wall with the window",
        ("desk", "office chair", "single bed", "wardrobe"),
        (("desk", "against", "window wall"),),
    ),
    Case(
        "two nightstands beside the bed, lamps on the nightstands, a picture above the bed",
        ("double bed", "nightstand", "nightstand", "table lamp", "table lamp", "picture"),
        (
            ("nightstand", "next_to", "double bed"),
            ("table lamp", "on", "nightstand"),
            ("double bed", "under", "picture"),
        ),
    ),
)


def task_of(case: Case, library: AssetLibrary | None) -> Task:
    """The case in ROOM, with furniture of a library, else with plain boxes a tenth longer and lower than usual."""
    items = []
    number: Counter[str] = Counter()
    for category in case.items:
        number[category] += 1
        name = f"{category} {number[category]}"
        row = FURNITURE.categories[category]
        if library is None:
            width, depth, height = row.usual_size
            size, asset = (round(width * 1.1, 3), round(depth * 1.05, 3), round(height * 0.9, 3)), None
        else:
            found = next(a for a in library.assets.values() if a.category == category)
            size, asset = found.size, found.name
        items.append(Item(name, category, size, row.mount, asset, row.covering))
    return Task("wishes", case.prompt, ROOM, tuple(items))


def holds(case: Case, task: Task, layout: Layout) -> bool:
    """Whether a layout does what the case's words say."""
    named = {item.id: item.category for item in task.items}

    def met(subject: str, predicate: str, targets: list[str]) -> bool:
        negated = predicate.startswith("not ")
        relations = tuple(Relation(subject, predicate.removeprefix("not "), t, negated) for t in targets)
        scores = relation_scores(replace(task, relations=relations), layout)
        return any(score.score >= RelationScore.SATISFIED for score in scores)

    for subject, predicate, target in case.holds:
        targets = [name for name, category in named.items() if category == target]
        if not targets:
            targets = [(wall_named(task.room, name) if name in WALLS else name) or "" for name in target.split(", ")]
        if not all(met(name, predicate, targets) for name, category in named.items() if category == subject):
            return False
    return True


@pytest.fixture(scope="module")
def stage():
    with Stage() as made:
        yield made


@pytest.fixture(scope="module")
def policy():
    return BuiltinPolicy()


def best_turn(stage: Stage, policy: BuiltinPolicy, task: Task, seed: int) -> tuple[Turn, Layout]:
    env = LayoutEnv(stage, None, prompt_format_of(policy), max_turns=TURNS)
    *_, outcome = play(env, policy, task, seed, SAMPLES)
    assert isinstance(outcome, Outcome)
    assert outcome.best is not None
    assert outcome.best.layout is not None
    return outcome.best, outcome.best.layout


@pytest.mark.parametrize("case", [CASES[0], CASES[5]], ids=lambda case: case.prompt[:20])
def test_a_prompt_is_obeyed(stage, policy, case):
    task, _, not_understood = task_with_prompt_wishes(task_of(case, None))
    assert task.relations
    assert not not_understood
    turn, layout = best_turn(stage, policy, task, 0)
    assert holds(case, task, layout)
    assert turn.score.evidence.clean


@pytest.mark.slow
@pytest.mark.parametrize("furniture", ["library", "boxes"])
def test_most_prompts_are_obeyed_with_every_seed(stage, policy, furniture):
    library = AssetLibrary() if furniture == "library" else None
    obeyed, missed = 0, []
    for case in CASES:
        task = task_with_prompt_wishes(task_of(case, library))[0]
        for seed in SEEDS:
            turn, layout = best_turn(stage, policy, task, seed)
            done = holds(case, task, layout)
            obeyed += done
            if not done:
                missed.append((case.prompt[:30], seed))
                assert not turn.score.evidence.clean  # "No Faults" never stands beside an unmet wish
    assert obeyed >= 21, missed
