"""Writes the prompt of a task in the ways in which people ask: requests, notes, stories, fragments."""

from __future__ import annotations

import math
from random import Random

from metaspatial_addon.core.task import Item, Relation, Room

MOODS = (
    "calm",
    "cosy",
    "bright",
    "tidy",
    "warm",
    "simple",
    "airy",
    "practical",
    "relaxed",
    "homely",
    "uncluttered",
    "minimal",
    "comfortable",
    "elegant",
    "cheerful",
    "quiet",
    "modern",
    "rustic",
    "Scandinavian",
    "classic",
)
PEOPLE = {
    "bedroom": ("my parents", "a couple", "our guests", "a student", "two of us", "my sister"),
    "living room": ("a family of four", "movie nights", "a couple with a cat", "board game evenings", "my flatmates"),
    "dining room": ("Sunday dinners", "a big family", "six guests", "long breakfasts"),
    "kitchen": ("someone who cooks every day", "a small family", "a shared flat", "people who bake"),
    "bathroom": ("a family with kids", "my grandmother", "a rented flat", "two people in a hurry"),
    "office": ("working from home", "a freelance translator", "two colleagues", "a small start-up", "video calls"),
    "children's room": ("twins", "a six-year-old", "a toddler", "my nephew", "a girl who loves horses"),
    "hallway": ("a busy family", "a house with a dog", "people with too many shoes", "a narrow old building"),
}
GOALS = (
    "keep the way to the door free",
    "nothing in front of the window please",
    "leave room to walk",
    "so that nobody bumps into anything",
    "it should not feel crowded",
    "with as much open floor as possible",
    "everything easy to reach",
    "don't block the door",
    "make the most of the space",
    "keep the middle open",
    "no furniture in the way",
)
OPENERS = (
    "I'd like",
    "We need",
    "Could you make",
    "Please set up",
    "Make me",
    "I am dreaming of",
    "Let's have",
    "I want",
    "Help me with",
    "Can you arrange",
)
STORIES = (
    "We are moving in next week and have no idea where to put things.",
    "The old arrangement never worked.",
    "We just painted the walls.",
    "This is for a listing, so it should photograph well.",
    "I keep bumping my knee in here.",
    "It's a rental, nothing can be drilled.",
    "The furniture is bought already.",
    "Nothing fancy.",
)
RELATIONS = {
    "next_to": ("{s} next to the {o}", "{s} right beside the {o}", "the {s} by the {o}"),
    "facing": ("{s} facing the {o}", "the {s} turned to the {o}", "{s} looking at the {o}"),
    "in_front_of": ("{s} in front of the {o}", "the {s} before the {o}"),
    "on": ("{s} on the {o}", "the {s} goes on the {o}"),
}
SIDES = {(0, -1): "south", (1, 0): "east", (0, 1): "north", (-1, 0): "west"}


def write_prompt(
    room: Room, items: tuple[Item, ...], relations: tuple[Relation, ...], wish: Relation | None, rng: Random
) -> str:
    """A prompt for these items: always with the wish, now and then with one of the relations."""
    parts = _draw_parts(room, items, relations, wish, rng)
    return _join_parts([part for part in parts if part], rng)


def _draw_parts(
    room: Room, items: tuple[Item, ...], relations: tuple[Relation, ...], wish: Relation | None, rng: Random
) -> list[str]:
    """The parts of a prompt by one of nine patterns, some of them empty."""
    categories = {item.id: item.category for item in items}
    mood, other_mood = rng.sample(MOODS, 2)
    phrases = [_wish_phrase(room, categories[wish.subject], wish, rng)] if wish else []
    if rng.random() < 0.4 and relations:
        phrases.append(_relation_phrase(categories, rng.choice(relations), rng))
    wishes = rng.choice((", ", " and ", "; ")).join(filter(None, phrases))
    goal = rng.choice(GOALS) if rng.random() < 0.45 else ""
    kind, people = room.type, rng.choice(PEOPLE[room.type])
    patterns = (
        lambda: [f"{_article(mood).capitalize()} {mood} {kind} for {people}", wishes, goal],
        lambda: [f"{rng.choice(OPENERS)} {_article(mood)} {mood} {kind} with {_listing(items, rng)}", wishes, goal],
        lambda: [f"{mood} {kind}", wishes, goal],
        lambda: [wishes or f"{mood} and {other_mood}", f"{kind} for {people}", goal],
        lambda: [
            rng.choice(STORIES).rstrip("."),
            f"it's the {kind} of {people}" if kind != "hallway" else "it's the hallway",
            wishes,
            goal or f"think {mood}",
        ],
        lambda: [f"{kind.capitalize()}, {mood}, {other_mood}", goal, wishes],
        lambda: [f"Where would you put everything in this {kind}", f"we have {_listing(items, rng)}", wishes],
        lambda: [f"How about {_article(mood)} {mood} {kind}? {_listing(items, rng).capitalize()}", wishes, goal],
        lambda: [f"It's for {people}, so {goal or 'keep it ' + mood}", wishes],
    )
    return rng.choice(patterns)()


def _join_parts(parts: list[str], rng: Random) -> str:
    """The parts as sentences, as one clause, as a note, or without capitals and apostrophes."""
    style = rng.random()
    if style < 0.35:
        return " ".join(f"{part[0].upper()}{part[1:]}{'' if part[-1] in '.?!' else '.'}" for part in parts)
    if style < 0.6:
        rest = (part if part.startswith("I") else part[0].lower() + part[1:] for part in parts[1:])
        return ", ".join((parts[0], *rest))
    if style < 0.8:
        return rng.choice((" - ", "; ", ": ")).join(parts[:2]) + "".join(f", {part}" for part in parts[2:])
    return " ".join(parts).lower().replace("'", "")


def _wish_phrase(room: Room, category: str, wish: Relation, rng: Random) -> str:
    """A wish that an item stand against a certain wall."""
    wall = _wall_phrase(room, int(wish.object.removeprefix("wall_")), rng)
    return rng.choice(
        (
            f"put the {category} against {wall}",
            f"the {category} belongs at {wall}",
            f"{category} on {wall}",
            f"I want the {category} along {wall}",
            f"the {category} should stand against {wall}",
            f"{wall} is for the {category}",
        )
    )


def _wall_phrase(room: Room, wall: int, rng: Random) -> str:
    """A name for a wall: by its side of the room, its only window, its door, or its length."""
    floor = room.floor
    lengths = [math.dist(a, b) for a, b in zip(floor, floor[1:] + floor[:1], strict=True)]
    length = lengths[wall]
    (x0, y0), (x1, y1) = floor[wall], floor[(wall + 1) % len(floor)]
    phrases = [f"the {SIDES[round((y1 - y0) / length), round((x0 - x1) / length)]} wall"]
    kinds = {o.kind for o in room.openings if o.wall == wall}
    if "window" in kinds and sum(o.kind == "window" for o in room.openings) == 1:
        phrases += ["the wall with the window", "the window wall"]
    if "door" in kinds:
        phrases += ["the wall with the door", "the door wall"]
    if length == max(lengths) and lengths.count(length) == 1:
        phrases.append("the longest wall")
    return rng.choice(phrases)


def _relation_phrase(categories: dict[str, str], relation: Relation, rng: Random) -> str:
    """A relation between two items in words; empty where the relation has no words."""
    patterns = RELATIONS.get(relation.predicate)
    if patterns is None or relation.object not in categories:
        return ""
    return rng.choice(patterns).format(s=categories[relation.subject], o=categories[relation.object])


def _listing(items: tuple[Item, ...], rng: Random) -> str:
    """Two to four of the categories: "a sofa, an armchair and a rug"."""
    names = list(dict.fromkeys(item.category for item in items))
    some = [f"{_article(name)} {name}" for name in rng.sample(names, min(len(names), rng.randint(2, 4)))]
    return ", ".join(some[:-1]) + f" and {some[-1]}"


def _article(word: str) -> str:
    return "an" if word[0].lower() in "aeiou" else "a"
