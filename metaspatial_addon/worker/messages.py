"""The shapes of the messages between the window and its worker; `protocol` reads and writes them.

The window writes to the worker's stdin. The worker answers on its original stdout; lines before its `hello` are
Blender's own output. Exactly one of `done`, `assets`, `checked` and `error` ends a job. An API key is in no message: it
travels in the environment of the process.

Every message has a `type`, and `job` is the number that the window gave the request. Lengths are metres, except in
matrices: these are world matrices in the scene's units, 16 numbers row by row. Names are those of Blender's objects.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NotRequired, TypedDict

from ..core.engines import Engine

VERSION = 1
"""Of this protocol. Window and worker come from one zip, so another number means a broken installation."""

SCENE_FILE = "scene.blend"
"""The exported scene, in a job's folder. Images (`turn_01_top.png`, `turn_01_view.png`) are written beside it."""


class FloorRoom(TypedDict):
    """A room with the outline of an object.

    `floor`: name of the object. `height`: of the room, in metres.
    """

    source: Literal["floor"]
    floor: str
    height: float


class WallsRoom(TypedDict):
    """A room enclosed by wall objects.

    `walls`: names of the objects. `height`: of the room, in metres; that of the walls where it is missing.
    """

    source: Literal["walls"]
    walls: list[str]
    height: NotRequired[float]


class SizeRoom(TypedDict):
    """A rectangular room about the world's origin.

    `size`: width, depth and height in metres.
    """

    source: Literal["size"]
    size: list[float]


class ItemRequest(TypedDict):
    """An object to place, with its children.

    `name`: of the root object. `locked`: it stays where it is, as an obstacle. `category`: what it is ("double bed");
    "" guesses it from the name. `front`: the axis of the root object that its front points along. `scale`: it is laid
    out so many times as large as it is.
    """

    name: str
    locked: bool
    category: str
    front: Literal["-Y", "+X", "+Y", "-X"]
    scale: float


class OpeningRequest(TypedDict):
    """An object that marks a door or a window.

    `name`: of the object. `kind`: what it marks.
    """

    name: str
    kind: Literal["door", "window"]


class WishRequest(TypedDict):
    """A relation that must hold.

    `subject`: name of an item. `predicate`: see `core.task.PREDICATES`. `object`: name of another item or obstacle,
    `room`, `wall` or one of `prompts.wishes.walls.WALLS`. `negated`: it must not hold. `phrase`: the prompt's words for
    it, or "".
    """

    subject: str
    predicate: str
    object: str
    negated: bool
    phrase: str


class BuiltinModel(TypedDict):
    """The embedded model, or the planner in its place.

    `free_places`: whether the embedded model is offered only free places, as it is where this is missing.
    """

    kind: Literal["builtin", "planner"]
    free_places: NotRequired[bool]


class ServerModel(TypedDict):
    """A model behind an OpenAI-compatible server; its key is in the environment variable METASPATIAL_API_KEY.

    `url`: base address. `model`: its name there. `sees_images`: whether images are sent to it. `max_tokens`: of an
    answer, its thoughts included.
    """

    kind: Literal["server"]
    url: str
    model: str
    sees_images: bool
    max_tokens: int


class LocalModel(TypedDict):
    """A checkpoint on this machine.

    `folder`: of the model. `adapter`: folder of a peft adapter, or "". `packages`: folder that holds torch, or "" where
    Blender's Python finds it by itself. `max_tokens`: of an answer, its thoughts included.
    """

    kind: Literal["local"]
    folder: str
    adapter: str
    packages: str
    max_tokens: int


class LayoutRequest(TypedDict):
    """Lay out the scene in `folder`/scene.blend. Answered by `task`, a `turn` for each turn, `done`, and `pictures`.

    `folder`: where the scene is and images go. `mode`: generate places all items anew, refine goes on from where they
    stand, fix moves only those with a fault. `room`: where the room is. `room_type`: a type of `core.furniture`, or "".
    `items`: what to place. `obstacles`: names of objects that are in the way. `carry`: what rests on an item goes along
    with it, but for the objects named in `separate`. `openings`: doors and windows beside those that are recognised.
    `scene_name`: of the scene in the file. `prompt`: the artist's wishes in words, and `wishes` as relations. `policy`:
    the model. `turns`: at most so many. `samples`: answers asked for in each turn. `tidy`: whether
    small faults are repaired after it, as they are where this is missing. `seed`: of the sampling. `engine`: that
    renders. `pictures`: width and height of rendered images in pixels. `start`: world matrices of root objects to go on
    from, by name, for refine and fix; other objects stand where the file has them.
    """

    type: Literal["layout"]
    job: int
    folder: str
    mode: Literal["generate", "refine", "fix"]
    room: FloorRoom | WallsRoom | SizeRoom
    room_type: str
    items: list[ItemRequest]
    obstacles: list[str]
    carry: bool
    separate: list[str]
    openings: list[OpeningRequest]
    scene_name: str
    prompt: str
    wishes: list[WishRequest]
    policy: BuiltinModel | ServerModel | LocalModel
    turns: int
    samples: int
    tidy: NotRequired[bool]
    seed: int
    engine: Engine
    pictures: int
    start: dict[str, list[float]]


class LibraryRequest(TypedDict):
    """An asset library that is registered in Blender's preferences.

    `name`: of the library. `folder`: where it is.
    """

    name: str
    folder: str


class AssetsRequest(TypedDict):
    """Find assets for the furniture that a prompt mentions. Answered by `assets`.

    `prompt`: the artist's wishes. `libraries`: where to look, beside the add-on's own.
    """

    type: Literal["assets"]
    job: int
    prompt: str
    libraries: list[LibraryRequest]


class CheckRequest(TypedDict):
    """Check that a model answers, and with `engine` that it renders. Answered by `checked`.

    `policy`: the model. `engine`: the render engine to try.
    """

    type: Literal["check"]
    job: int
    policy: BuiltinModel | ServerModel | LocalModel
    engine: NotRequired[Engine]


class QuitRequest(TypedDict):
    """End the process. Closing its stdin does the same."""

    type: Literal["quit"]


class HelloMessage(TypedDict):
    """The worker is ready.

    `protocol`: its `VERSION`. `blender`: version of its Blender.
    """

    type: Literal["hello"]
    protocol: int
    blender: str


class ProgressMessage(TypedDict):
    """A phase begins.

    `turn`: number of the turn, from 1. `turns`: at most so many. `phase`: what begins; `model` is the loading of a
    model as well as its answer. `done`: the share of the phase that is done, in [0, 1]; null where it is not known.
    """

    type: Literal["progress"]
    job: int
    turn: int
    turns: int
    phase: Literal["scene", "model", "physics", "render", "assets", "check"]
    done: float | None


class AliveMessage(TypedDict):
    """The job goes on. Sent about once a second while a model answers and its answers are scored, which may take
    minutes: a window that hears nothing for long may take the worker as hung and end it."""

    type: Literal["alive"]
    job: int


class AskedMessage(TypedDict):
    """What became of a wish of the request.

    `words`: the wish in a few words. `relation`: its place among the task's relations; null where the task cannot have
    it, for the `reason`, which is "" for what is met by itself: what is to be on an item rests on it and goes along.
    """

    words: str
    relation: int | None
    reason: str


class TaskMessage(TypedDict):
    """The task that the scene was read as.

    `task`: a `metaspatial.task/1` object. `frame`: matrix from the room's frame (metres) into the scene's world.
    `notes`: by item id, why it stays where it is. `left_out`: by the names of other objects, why they are no
    items: parts of the building, or outside the room. `objects`: by item id, names of its objects, the root first.
    `wishes`: those of the request.
    """

    type: Literal["task"]
    job: int
    task: dict[str, Any]
    frame: list[float]
    notes: dict[str, str]
    left_out: dict[str, str]
    objects: dict[str, list[str]]
    wishes: list[AskedMessage]


class ObjectPose(TypedDict):
    """An object in a turn.

    `item`: id of its item. `name`: of the object. `matrix`: its world matrix. `hidden`: whether renders leave it out.
    """

    item: str
    name: str
    matrix: list[float]
    hidden: bool


class TurnMessage(TypedDict):
    """A turn.

    `number`: from 1. `record`: a line of turns.jsonl without conversation and samples. `objects`: where everything
    stands. `top`, `view`: names of the image files that its model was shown, in the job's folder; null where it saw
    none.
    """

    type: Literal["turn"]
    job: int
    number: int
    record: dict[str, Any]
    objects: list[ObjectPose]
    top: str | None
    view: str | None


class DoneMessage(TypedDict):
    """The end of a layout job.

    `best`: number of the best turn; null where no answer could be used or improved the start. `failure`: a sentence on
    what failed, or "". `note`: a sentence on why nothing is better than the start, or "". `memory`: resident memory of
    the process in MB.
    """

    type: Literal["done"]
    job: int
    best: int | None
    failure: str
    note: str
    memory: int


class PicturesMessage(TypedDict):
    """Pictures of a turn, after the `done` of its layout, as long as no further request waits; larger ones may follow.

    `number`: of the turn. `top`, `view`: PNG files in base64.
    """

    type: Literal["pictures"]
    job: int
    number: int
    top: str
    view: str


class AssetsMessage(TypedDict):
    """The end of an assets job.

    `found`: one object for each piece of furniture, see `blender.assets.search.find_assets`.
    """

    type: Literal["assets"]
    job: int
    found: list[dict[str, Any]]


class CheckResult(TypedDict):
    """The result of one check.

    `ok`: whether it works. `message`: one sentence about it.
    """

    ok: bool
    message: str


class CheckedMessage(TypedDict):
    """The end of a check job.

    `ok`: whether the model answers. `message`: one sentence about it. `renderer`: the same for the render, if one was
    asked for.
    """

    type: Literal["checked"]
    job: int
    ok: bool
    message: str
    renderer: NotRequired[CheckResult]


class ErrorMessage(TypedDict):
    """The end of a job that could not be done.

    `job`: null where the request has none. `message`: one sentence. `bug`: whether the add-on itself failed; the
    traceback is in the log.
    """

    type: Literal["error"]
    job: int | None
    message: str
    bug: bool


REQUESTS: Mapping[str, type] = {
    "layout": LayoutRequest,
    "assets": AssetsRequest,
    "check": CheckRequest,
    "quit": QuitRequest,
}
