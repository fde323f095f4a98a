"""A relation as a sentence: what a task asks for, in words for a model and for people."""

from __future__ import annotations

from dataclasses import replace

from .task import Relation

_SENTENCES = {
    "next_to": "{s} is next to {o} (at most 0.5 m between them)",
    "near": "{s} is near {o} (0.5 to 1.5 m between them)",
    "across": "{s} is across from {o} (1.5 to 4 m between them)",
    "far": "{s} is far from {o} (more than 4 m between them)",
    "against": "{s} has its back against {o}",
    "corner": "{s} stands in a corner of the room, its back corner at two walls",
    "facing": "{s} faces {o} (its front towards it, within 30 degrees)",
    "left_of": "{s} is on the left of {o}, as seen by someone who looks at the front of {o}",
    "right_of": "{s} is on the right of {o}, as seen by someone who looks at the front of {o}",
    "in_front_of": "{s} is in front of {o}",
    "behind": "{s} is behind {o}",
    "on": "{s} rests on top of {o}",
    "under": "{s} is under {o}",
    "inside": "{s} is inside {o}",
    "around": "{s} stands around {o} and faces it (evenly, if there are several)",
    "centred": "{s} is centred in {o}",
}


PREDICATE_WORDS = {
    "next_to": "next to",
    "near": "near",
    "across": "across from",
    "far": "far from",
    "against": "against",
    "corner": "in a corner of",
    "facing": "facing",
    "left_of": "left of",
    "right_of": "right of",
    "in_front_of": "in front of",
    "behind": "behind",
    "on": "on",
    "under": "under",
    "inside": "inside",
    "around": "around",
    "centred": "in the middle of",
}
"""Each predicate in a few words between subject and object."""


def relation_phrase(subject: str, predicate: str, other: str, negated: bool = False) -> str:
    """A relation in a few words without measures: "lamp_1 on desk_1", "wardrobe not against south wall"."""
    return f"{subject} {'not ' if negated else ''}{PREDICATE_WORDS[predicate]} {other}"


def relation_sentence(relation: Relation) -> str:
    """The sentence of a relation, without a full stop: "lamp_1 rests on top of desk_1"."""
    if relation.negated:
        return f"it is not so that {relation_sentence(replace(relation, negated=False))}"
    other = {"wall": "a wall", "room": "the room"}.get(relation.object, relation.object)
    if relation.predicate == "corner" and other != "the room":
        return f"{relation.subject} stands in a corner at {other}, its back corner at two walls"
    if relation.predicate == "centred" and other != "the room":
        return f"{relation.subject} is centred along {other}"
    return _SENTENCES[relation.predicate].format(s=relation.subject, o=other)
