"""Where each kind of furniture goes: the attempts that `furnish.Furnisher` makes for it, in order.

The order of ATTEMPTS is also the order of placing: what others depend on comes first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Attempt:
    """A method of Furnisher and its keyword arguments."""

    method: str
    settings: dict[str, Any]


def _wall(walls: str, at: str, clear: float) -> Attempt:
    return Attempt("wall", {"walls": walls, "at": at, "clear": clear})


def _by(method: str, *of: str, **settings: Any) -> Attempt:
    return Attempt(method, {"of": of, **settings})


BEDS = ("double bed", "single bed", "bunk bed")
SEATS = ("sofa", "loveseat", "armchair")
RUN = ("fridge", "sink unit", "dishwasher", "stove", "kitchen counter")
TOPS = (
    "desk",
    "sideboard",
    "dresser",
    "console table",
    "tv stand",
    "dining table",
    "nightstand",
    "side table",
    "coffee table",
    "kitchen counter",
    "kitchen island",
    "vanity table",
    "play table",
    "shoe rack",
)

ATTEMPTS: dict[str, tuple[Attempt, ...]] = {
    "double bed": (_wall("far", "middle", 0.7),),
    "single bed": (_wall("far", "end", 0.7),),
    "bunk bed": (_wall("far", "end", 0.7),),
    "crib": (_wall("side", "end", 0.7),),
    "sofa": (_wall("far", "middle", 1.2), _wall("far", "middle", 0.7)),
    "loveseat": (_wall("side", "middle", 0.7),),
    "bathtub": (_wall("far", "end", 0.6),),
    "shower cabin": (_wall("far", "end", 0.6),),
    "fridge": (_wall("far", "end", 0.7),),
    "sink unit": (_by("row", *RUN, clear=0.7), _wall("far", "end", 0.7)),
    "dishwasher": (_by("row", *RUN, clear=0.7), _wall("side", "end", 0.7)),
    "stove": (_by("row", *RUN, clear=0.7), _wall("side", "end", 0.7)),
    "kitchen counter": (_by("row", *RUN, clear=0.7), _wall("side", "end", 0.7)),
    "dining table": (Attempt("centre", {"ring": 0.7}), Attempt("centre", {"ring": 0.55})),
    "kitchen island": (Attempt("centre", {"ring": 0.8}),),
    "play table": (Attempt("centre", {"ring": 0.5}),),
    "desk": (_wall("side", "middle", 0.8),),
    "vanity table": (_wall("side", "middle", 0.8),),
    "tv stand": (_by("opposite", *SEATS, *BEDS, clear=0.5), _wall("side", "middle", 0.5)),
    "nightstand": (_by("beside", *BEDS), _wall("side", "end", 0.0)),
    "wardrobe": (_wall("side", "end", 0.7),),
    "dresser": (_wall("side", "middle", 0.6),),
    "coffee table": (_by("before", "sofa", "loveseat"),),
    "armchair": (_by("flank", "coffee table"), _wall("side", "end", 0.4)),
    "toilet": (_wall("side", "end", 0.6),),
    "washbasin": (_wall("side", "middle", 0.6),),
    "washing machine": (_wall("side", "end", 0.6),),
    "bookcase": (_wall("side", "end", 0.6),),
    "china cabinet": (_wall("side", "middle", 0.6),),
    "sideboard": (_wall("side", "middle", 0.6),),
    "console table": (_wall("side", "middle", 0.5),),
    "shoe rack": (_wall("side", "end", 0.5),),
    "bench": (_wall("side", "middle", 0.5),),
    "filing cabinet": (_by("beside", "desk"), _wall("side", "end", 0.4)),
    "thing": (_wall("side", "end", 0.3),),
    "office chair": (_by("tuck", "desk", "vanity table"), _wall("side", "end", 0.0)),
    "dining chair": (_by("around", "dining table"), _by("tuck", "desk"), _wall("near", "end", 0.0)),
    "kids chair": (_by("around", "play table"), _wall("near", "end", 0.0)),
    "bar stool": (_by("tuck", "kitchen island"), _wall("near", "end", 0.0)),
    "bar cart": (_wall("side", "end", 0.3),),
    "side table": (_by("beside", "sofa", "loveseat", "armchair"), _wall("side", "end", 0.0)),
    "ottoman": (_wall("side", "end", 0.0),),
    "toy box": (_wall("side", "end", 0.3),),
    "rocking horse": (_wall("side", "end", 0.0),),
    "floor mirror": (_wall("side", "end", 0.4),),
    "laundry basket": (_wall("side", "end", 0.0),),
    "trash bin": (_wall("near", "end", 0.0),),
    "coat rack": (_wall("near", "end", 0.0),),
    "umbrella stand": (_wall("near", "end", 0.0),),
    "floor lamp": (_by("beside", *SEATS), _wall("side", "end", 0.0)),
    "plant": (_wall("far", "end", 0.0),),
    "rug": (_by("under", "coffee table", "double bed", "dining table", "play table"),),
    "round rug": (_by("under", "coffee table", "play table", "single bed"),),
    "tv": (_by("on", "tv stand", "sideboard", "dresser", "console table"),),
    "monitor": (_by("on", "desk", "play table"),),
    "laptop": (_by("on", "desk", "dining table", "coffee table"),),
    "printer": (_by("on", "filing cabinet", "desk", "sideboard"),),
    "microwave": (_by("on", "kitchen counter", "kitchen island", "sideboard"),),
    "coffee machine": (_by("on", "kitchen counter", "kitchen island", "sideboard", "desk"),),
    "table lamp": (_by("on", "nightstand", "side table", *TOPS),),
    "vase": (_by("on", "dining table", "console table", "sideboard", *TOPS),),
    "potted plant": (_by("on", "sideboard", "dresser", *TOPS),),
    "books": (_by("on", "coffee table", "nightstand", "desk", *TOPS),),
    "fruit bowl": (_by("on", "dining table", "kitchen island", "kitchen counter", *TOPS),),
    "range hood": (_by("hang", "stove"),),
    "wall cabinet": (_by("hang", "kitchen counter", "dishwasher", "sink unit"),),
    "bathroom cabinet": (_by("hang", "toilet"),),
    "mirror": (_by("hang", "washbasin", "vanity table", "console table", "dresser"),),
    "whiteboard": (_by("hang"),),
    "picture": (_by("hang", "sofa", "double bed", "sideboard", "console table"),),
    "wall shelf": (_by("hang", "desk", "washing machine"),),
    "clock": (_by("hang"),),
    "towel rack": (_by("hang", "bathtub"),),
    "ceiling lamp": (_by("ceiling"),),
    "pendant lamp": (_by("ceiling", "dining table", "kitchen island"),),
}

# Underside of what hangs on a wall, metres.
WALL_HEIGHTS = {
    "range hood": 1.6,
    "wall cabinet": 1.45,
    "bathroom cabinet": 1.4,
    "mirror": 1.1,
    "whiteboard": 0.9,
    "picture": 1.4,
    "wall shelf": 1.5,
    "clock": 1.8,
    "towel rack": 1.0,
}
