"""The vocabulary of the embedded model: every token of a compact conversation.

A coordinate together with its field is one token, since each token costs time. Joining the texts of tokens gives the
conversation, and matching the longest token first gives the tokens back. The order of the list is the numbering of
trained models: append, never reorder.

Numbers come in families: the same field with each of its values. `NUMBER_VALUES` gives the metres of every number's
token, so that a model can be taught with rows that grow with the value instead of rows that know nothing of it.
"""

from __future__ import annotations

from ..core.faults import COMPACT_TOKENS
from ..core.furniture import FURNITURE, ROOM_TYPES

CATEGORIES = tuple(name for name, row in FURNITURE.categories.items() if row.known)
"""The categories that have a token. UNKNOWN stands for all the others."""

SIDES = ("south", "east", "north", "west")
MOST_OF_A_KIND = 60

# Lengths in metres. Sizes and extents in plan are multiples of PLAN_STEP; edges and centres of POSE_STEP, so that the
# centre of an item with edges on the grid of sizes is on it as well.
PLAN_STEP, POSE_STEP, HEIGHT_STEP = 0.05, 0.025, 0.01
PLAN_REACH, HEIGHT_REACH, FAULT_REACH = 12.8, 4.0, 2.0
YAW_STEP = 15

SPECIAL = (
    "<|pad|>",
    "<|end|>",
    "<|user|>",
    "<|assistant|>",
    "<|vision_start|>",
    "<|image_pad|>",
    "<|vision_end|>",
    "<|video_pad|>",
)
OPEN_ANSWER, NEXT_ITEM, CLOSE_ANSWER = '<think></think><answer>[{"id":"', ',{"id":"', "]</answer>"
EMPTY_ANSWER = "<think></think><answer>[]</answer>"
WORSE = "worse\n"
"""Before the faults of the layout that stands, after an answer that was rejected."""
MARKS = 16
"""Marks by which a prompt with pictures tells the items apart that they show in the mark's colour (`plan.py`)."""
AVOID = " avoid"
"""Before a relation that must not hold."""
FURNITURE_WORDS = (
    "bed",
    "double",
    "single",
    "bunk",
    "king",
    "crib",
    "cot",
    "sofa",
    "couch",
    "loveseat",
    "bathtub",
    "tub",
    "shower",
    "cabin",
    "fridge",
    "refrigerator",
    "sink",
    "dishwasher",
    "stove",
    "oven",
    "cooker",
    "counter",
    "island",
    "dining",
    "kitchen",
    "play",
    "table",
    "desk",
    "workplace",
    "vanity",
    "tv",
    "television",
    "stand",
    "nightstand",
    "bedside",
    "wardrobe",
    "closet",
    "dresser",
    "drawers",
    "chest",
    "coffee",
    "armchair",
    "reading",
    "toilet",
    "washbasin",
    "washing",
    "machine",
    "bookcase",
    "bookshelf",
    "shelf",
    "china",
    "cabinet",
    "sideboard",
    "console",
    "shoe",
    "rack",
    "bench",
    "filing",
    "office",
    "chair",
    "chairs",
    "kids",
    "bar",
    "stool",
    "cart",
    "side",
    "ottoman",
    "toy",
    "box",
    "rocking",
    "horse",
    "floor",
    "mirror",
    "laundry",
    "basket",
    "trash",
    "bin",
    "coat",
    "umbrella",
    "lamp",
    "plant",
    "rug",
    "carpet",
    "round",
    "monitor",
    "laptop",
    "printer",
    "microwave",
    "vase",
    "books",
    "fruit",
    "bowl",
    "hood",
    "whiteboard",
    "picture",
    "clock",
    "towel",
    "ceiling",
    "pendant",
)
PLACE_WORDS = (
    "wall",
    "south",
    "east",
    "north",
    "west",
    "window",
    "door",
    "longest",
    "opposite",
    "corner",
    "middle",
    "centre",
    "center",
    "next",
    "beside",
    "by",
    "near",
    "facing",
    "looking",
    "turned",
    "front",
    "before",
    "behind",
    "left",
    "right",
    "under",
    "on",
    "against",
    "along",
    "at",
    "far",
    "around",
    "open",
    "free",
)
WORDS = FURNITURE_WORDS + PLACE_WORDS


KNOWN_PREDICATES = (
    "next_to",
    "near",
    "across",
    "far",
    "against",
    "corner",
    "facing",
    "left_of",
    "right_of",
    "in_front_of",
    "behind",
    "on",
    "under",
    "inside",
    "around",
    "centred",
)
"""The relations that a prompt can state, in the order of their tokens; a later one goes to the end of all tokens."""


def steps(least: float, most: float, step: float, decimals: int = 2) -> list[str]:
    """The multiples of `step` from `least` to `most`, as they are written."""
    return [f"{k * step:.{decimals}f}" for k in range(round(least / step), round(most / step) + 1)]


def category_token(category: str) -> str:
    return category.replace(" ", "_")


def mark_token(mark: int) -> str:
    return f" mark{mark + 1}"


PLACES = tuple(steps(0.0, PLAN_REACH, POSE_STEP, 3))
"""Edges and centres in plan."""
LENGTHS = tuple(steps(PLAN_STEP, PLAN_REACH, PLAN_STEP))
"""Sizes and extents in plan."""
HEIGHTS = tuple(steps(0.0, HEIGHT_REACH, HEIGHT_STEP))

PLACE_KEYS = {axis: (f"{axis}0", f"{axis}1", axis) for axis in "xy"}
"""Keys of an answer for the two edges and the centre of an item's extent along an axis."""
NUMBER_FAMILIES: tuple[tuple[str, tuple[str, ...]], ...] = (
    *((f" {field}{{}}", LENGTHS) for field in "wd"),
    *((f" {field}{{}}", PLACES) for field in "xy"),
    *((f',"{field}":{{}}', LENGTHS) for field in ("ex", "ey")),
    *((f',"{key}":{{}}', PLACES) for keys in PLACE_KEYS.values() for key in keys),
    (" h{}\n", HEIGHTS[1:]),
    (" z{}", HEIGHTS),
    (',"z":{}}}', HEIGHTS),
    (" m{}\n", tuple(steps(PLAN_STEP, FAULT_REACH, PLAN_STEP))),
)
"""The text around the number, and the numbers, of each family of tokens."""


def _tokens() -> list[str]:
    tokens = [*SPECIAL, OPEN_ANSWER, NEXT_ITEM, CLOSE_ANSWER, EMPTY_ANSWER]
    tokens += ["\n", " ask", "notch", "floor", "door", "window", "no faults\n", WORSE, AVOID]
    tokens += [f"{room_type}:" for room_type in (*ROOM_TYPES, "room")]
    tokens += [category_token(c) for c in CATEGORIES] + [f"_{k}" for k in range(1, MOST_OF_A_KIND + 1)]
    tokens += [" (surface)", " (wall)", " (ceiling)", " (covering)", " (fixed)"]
    tokens += [f" >{predicate} " for predicate in KNOWN_PREDICATES]
    tokens += ["wall", "room", *(f"{side} wall" for side in SIDES)]
    tokens += COMPACT_TOKENS
    tokens += [f" yaw{yaw}" for yaw in range(0, 360, YAW_STEP)] + [f'","yaw":{yaw}' for yaw in range(0, 360, YAW_STEP)]
    tokens += [form.format(value) for form, values in NUMBER_FAMILIES for value in values]
    tokens += [f" {word}" for word in WORDS]
    tokens += [mark_token(k) for k in range(MARKS)]
    if len(tokens) != len(set(tokens)):
        raise AssertionError("a token stands twice in the vocabulary")
    return tokens


TOKENS: tuple[str, ...] = tuple(_tokens())
TOKEN_IDS: dict[str, int] = {token: k for k, token in enumerate(TOKENS)}
NUMBER_VALUES: dict[int, float] = {
    TOKEN_IDS[form.format(value)]: float(value) for form, values in NUMBER_FAMILIES for value in values
}
PAD, END = TOKEN_IDS["<|pad|>"], TOKEN_IDS["<|end|>"]
LONGEST_TOKEN = max(map(len, TOKENS))


def encode(text: str) -> list[int]:
    """Token ids of a compact text, matching the longest token at each place in linear time.

    Raises ValueError where no token matches.
    """
    ids, at = [], 0
    while at < len(text):
        for length in range(min(LONGEST_TOKEN, len(text) - at), 0, -1):
            token = TOKEN_IDS.get(text[at : at + length])
            if token is not None:
                ids.append(token)
                at += length
                break
        else:
            raise ValueError(f"no token for {text[at : at + 20]!r}")
    return ids


def decode(ids: list[int] | tuple[int, ...]) -> str:
    """The text of token ids."""
    return "".join(TOKENS[k] for k in ids)
