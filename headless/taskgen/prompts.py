"""Words the wish behind a task, in the ways in which people ask: notes, requests, stories, fragments."""

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
SIDES = {(0, -1): "south", (1, 0): "east", (0, 1): "north", (-1, 0): "west"}


def plain(item: Item) -> str:
    """What people call it."""
    return item.category


def wall_phrase(room: Room, wall: int, rng: Random) -> str:
    """One of the ways in which a person points at a wall."""
    floor = room.floor
    (x0, y0), (x1, y1) = floor[wall], floor[(wall + 1) % len(floor)]
    length = math.dist((x0, y0), (x1, y1))
    outward = (round((y1 - y0) / length), round(-(x1 - x0) / length))
    phrases = [f"the {SIDES[outward]} wall"]
    kinds = {o.kind for o in room.openings if o.wall == wall}
    if "window" in kinds and sum(o.kind == "window" for o in room.openings) == 1:
        phrases += ["the wall with the window", "the window wall"]
    if "door" in kinds:
        phrases += ["the wall with the door", "the door wall"]
    lengths = [math.dist(a, b) for a, b in zip(floor, floor[1:] + floor[:1], strict=True)]
    if length == max(lengths) and lengths.count(length) == 1:
        phrases.append("the longest wall")
    return rng.choice(phrases)


def _wish_phrase(room: Room, items: dict[str, Item], wish: Relation, rng: Random) -> str:
    name, wall = plain(items[wish.subject]), wall_phrase(room, int(wish.object[5:]), rng)
    return rng.choice(
        (
            f"put the {name} against {wall}",
            f"the {name} belongs at {wall}",
            f"{name} on {wall}",
            f"I want the {name} along {wall}",
            f"the {name} should stand against {wall}",
            f"{wall} is for the {name}",
        )
    )


def _relation_phrase(items: dict[str, Item], relation: Relation, rng: Random) -> str | None:
    subject = plain(items[relation.subject])
    if relation.object not in items:
        return None
    other = plain(items[relation.object])
    words = {
        "next_to": ("{s} next to the {o}", "{s} right beside the {o}", "the {s} by the {o}"),
        "facing": ("{s} facing the {o}", "the {s} turned to the {o}", "{s} looking at the {o}"),
        "in_front_of": ("{s} in front of the {o}", "the {s} before the {o}"),
        "on": ("{s} on the {o}", "the {s} goes on the {o}"),
    }.get(relation.predicate)
    return rng.choice(words).format(s=subject, o=other) if words else None


def _listing(items: tuple[Item, ...], rng: Random) -> str:
    names = list(dict.fromkeys(plain(i) for i in items))
    some = rng.sample(names, min(len(names), rng.randint(2, 4)))
    some = [f"{'an' if n[0] in 'aeiou' else 'a'} {n}" for n in some]
    return ", ".join(some[:-1]) + f" and {some[-1]}"


def _article(word: str) -> str:
    return "an" if word[0].lower() in "aeiou" else "a"


def word_prompt(
    room: Room, items: tuple[Item, ...], relations: tuple[Relation, ...], wish: Relation | None, rng: Random
) -> str:
    """A prompt for these items; says the wish always, some of the relations now and then."""
    by_id = {item.id: item for item in items}
    kind = room.type
    mood, other_mood = rng.sample(MOODS, 2)
    told = [_wish_phrase(room, by_id, wish, rng)] if wish else []
    if rng.random() < 0.4 and relations:
        phrase = _relation_phrase(by_id, rng.choice(relations), rng)
        told += [phrase] if phrase else []
    wishes = rng.choice((", ", " and ", "; ")).join(told)
    goal = rng.choice(GOALS) if rng.random() < 0.45 else ""
    people = rng.choice(PEOPLE[kind])
    frames = (
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
    parts = [part for part in rng.choice(frames)() if part]
    style = rng.random()
    if style < 0.35:  # full sentences
        text = " ".join(f"{part[0].upper()}{part[1:]}{'' if part[-1] in '.?!' else '.'}" for part in parts)
    elif style < 0.6:  # one breath
        text = ", ".join(
            part[0].lower() + part[1:] if k and not part.startswith("I") else part for k, part in enumerate(parts)
        )
    elif style < 0.8:  # a note
        text = rng.choice((" - ", "; ", ": ")).join(parts[:2]) + "".join(f", {part}" for part in parts[2:])
    else:  # typed in haste
        text = " ".join(parts).lower().replace("'", "")
    return text
