"""What the window and its worker say to each other: one JSON object a line, each of the shapes below.

The window writes to the worker's stdin. The worker answers on the stdout that it was born with; lines before its
`Hello` are Blender's own chatter. Exactly one of `Done`, `Found`, `Checked` and `Error` ends a job. An API key is in no
message: it travels in the environment of the process.
"""

from __future__ import annotations

import json
import types
from collections.abc import Mapping
from typing import Any, Literal, NotRequired, TypedDict, Union, get_args, get_origin, get_type_hints, is_typeddict

from ..core.engines import Engine
from ..core.errors import InputError

VERSION = 1
"""Of this protocol. Window and worker come from one zip, so any other number is a broken installation."""

SCENE_FILE = "scene.blend"
"""The hand-over, in a job's folder. Pictures (`turn_01_top.png`, `turn_01_view.png`) are written beside it."""


class Floor(TypedDict):
    """A room in the outline of a floor object, `height` metres high."""

    source: Literal["floor"]
    floor: str
    height: float


class Walls(TypedDict):
    """A room inside wall objects."""

    source: Literal["walls"]
    walls: list[str]
    height: NotRequired[float]


class Size(TypedDict):
    """A room of a width, depth and height in metres about the world's origin."""

    source: Literal["size"]
    size: list[float]


class ItemRequest(TypedDict):
    """The root object of an item. `category` "" is guessed from the name."""

    name: str
    locked: bool
    category: str
    front: Literal["-Y", "+X", "+Y", "-X"]


class OpeningRequest(TypedDict):
    """An object that marks a door or a window."""

    name: str
    kind: Literal["door", "window"]


class Builtin(TypedDict):
    """The embedded model."""

    kind: Literal["builtin"]


class Server(TypedDict):
    """A model behind an OpenAI-compatible server. Its key is in METASPATIAL_API_KEY."""

    kind: Literal["server"]
    url: str
    model: str
    sees_images: bool


class Local(TypedDict):
    """A checkpoint on this machine. `adapter` and `packages` (the folder that holds torch) may be ""."""

    kind: Literal["local"]
    folder: str
    adapter: str
    packages: str


class LayoutRequest(TypedDict):
    """Lay out the scene in `folder`/scene.blend.

    `start`: world matrices (16 numbers, row by row) of root objects to go on from by refine and fix; objects that it
    does not name stand where the file has them.
    """

    type: Literal["layout"]
    job: int
    folder: str
    mode: Literal["generate", "refine", "fix"]
    room: Floor | Walls | Size
    room_type: str
    items: list[ItemRequest]
    obstacles: list[str]
    openings: list[OpeningRequest]
    scene_name: str
    prompt: str
    policy: Builtin | Server | Local
    turns: int
    samples: int
    seed: int
    engine: Engine
    pictures: int
    start: dict[str, list[float]]


class LibraryRequest(TypedDict):
    """An asset library that the artist has registered."""

    name: str
    folder: str


class AssetsRequest(TypedDict):
    """Look for what the prompt speaks of."""

    type: Literal["assets"]
    job: int
    prompt: str
    libraries: list[LibraryRequest]


class CheckRequest(TypedDict):
    """Try the model, and by `engine` a render as well."""

    type: Literal["check"]
    job: int
    policy: Builtin | Server | Local
    engine: NotRequired[Engine]


class Quit(TypedDict):
    """End the process. Closing its stdin does the same."""

    type: Literal["quit"]


class Hello(TypedDict):
    """The worker is ready. What came before it on the same stream is chatter."""

    type: Literal["hello"]
    protocol: int
    blender: str


class ProgressMessage(TypedDict):
    """A phase begins. `done`: the part of it that is done, where that is known."""

    type: Literal["progress"]
    job: int
    turn: int
    turns: int
    phase: Literal["scene", "model", "physics", "render", "assets", "check"]
    done: float | None


class Alive(TypedDict):
    """The job goes on. Sent about once a second while a model answers and its answers are scored, which may take
    minutes: a window that hears nothing for long may take the worker as hung and end it."""

    type: Literal["alive"]
    job: int


class TaskMessage(TypedDict):
    """What the scene was read as. `frame`: from the room's frame, metres, into the scene's world (16 numbers, row by
    row). `notes`: by item id, why it stays where it is. `objects`: by item id, names of its
    objects, the root first."""

    type: Literal["task"]
    job: int
    task: dict[str, Any]
    frame: list[float]
    notes: dict[str, str]
    left_out: list[str]
    objects: dict[str, list[str]]


class ObjectPose(TypedDict):
    """An object of an item in a turn: its world matrix (16 numbers, row by row)."""

    item: str
    name: str
    matrix: list[float]
    hidden: bool


class TurnMessage(TypedDict):
    """A turn. `record`: as in turns.jsonl, without conversation and samples. Pictures are files in the job's folder."""

    type: Literal["turn"]
    job: int
    number: int
    record: dict[str, Any]
    objects: list[ObjectPose]
    top: str | None
    view: str | None


class Done(TypedDict):
    """A layout job's end. `best`: number of the best turn; none where no answer could be used or bettered the start.
    `note`: a sentence on why nothing is better than the start, or empty. `memory`: of the process, in MB."""

    type: Literal["done"]
    job: int
    best: int | None
    failure: str
    note: str
    memory: int


class Found(TypedDict):
    """An assets job's end."""

    type: Literal["assets"]
    job: int
    found: list[dict[str, Any]]


class Tried(TypedDict):
    """Whether something works, and one sentence about it."""

    ok: bool
    message: str


class Checked(TypedDict):
    """A check job's end: of the model, one sentence; of the renderer where a render was asked for."""

    type: Literal["checked"]
    job: int
    ok: bool
    message: str
    renderer: NotRequired[Tried]


class Error(TypedDict):
    """The end of a job that could not be done: one sentence. A bug's traceback is in the log. `job` is None where the
    request named none."""

    type: Literal["error"]
    job: int | None
    message: str
    bug: bool


REQUESTS: Mapping[str, type] = {
    "layout": LayoutRequest,
    "assets": AssetsRequest,
    "check": CheckRequest,
    "quit": Quit,
}


_PLAIN = {str: "a text", bool: "true or false", int: "a whole number", float: "a number"}


def encode(message: Mapping[str, Any]) -> bytes:
    """A message as a line. ASCII alone: names and a model's text may hold what UTF-8 cannot."""
    return json.dumps(message, separators=(",", ":")).encode("ascii") + b"\n"


def decode(line: bytes) -> dict[str, Any]:
    """The message in a line. Raises ValueError for anything but an object with a type."""
    message = json.loads(line)
    if not isinstance(message, dict) or not isinstance(message.get("type"), str):
        raise ValueError("expected an object with a type")
    return message


def check_request(message: Mapping[str, Any]) -> None:
    """Raises InputError, which names the field, for a request that does not have its shape."""
    shape = REQUESTS.get(message["type"])
    if shape is None:
        raise InputError("request", "type", f"one of {', '.join(REQUESTS)}", message["type"])
    _check(message, shape, "")
    if shape is LayoutRequest:
        for name in ("turns", "samples", "pictures"):
            _expect(message[name] > 0, name, "a number above 0", message[name])
        for name, matrix in message["start"].items():
            _expect(len(matrix) == 16, f"start.{name}", "16 numbers", matrix)
        _expect(len(message["room"].get("size", "wdh")) == 3, "room.size", "3 numbers", message["room"].get("size"))


def _check(value: Any, hint: Any, where: str) -> None:
    """Hold a value against a type of the shapes above."""
    kind, inner = get_origin(hint), get_args(hint)
    if is_typeddict(hint):
        _expect(isinstance(value, dict), where, "an object", value)
        for name, field in get_type_hints(hint, include_extras=True).items():
            path = f"{where}.{name}" if where else name
            if get_origin(field) is NotRequired:
                field = get_args(field)[0]
                if name not in value:
                    continue
            _expect(name in value, path, "a value", None)
            _check(value[name], field, path)
    elif kind is Literal:
        _expect(value in inner, where, f"one of {', '.join(map(repr, inner))}", value)
    elif kind in (Union, types.UnionType):
        _check(value, _of_kind(value, inner, where), where)
    elif kind is list:
        _expect(isinstance(value, list), where, "a list", value)
        for k, entry in enumerate(value):
            _check(entry, inner[0], f"{where}[{k}]")
    elif kind is dict:
        _expect(isinstance(value, dict), where, "an object", value)
        for name, entry in value.items():
            _check(entry, inner[1], f"{where}.{name}")
    else:
        wanted = (int, float) if hint is float else hint
        right = isinstance(value, wanted) and (hint is bool or not isinstance(value, bool))
        _expect(right, where, _PLAIN[hint], value)


def _of_kind(value: Any, shapes: tuple[type, ...], where: str) -> type:
    """Of several shapes the one whose first field, which tells them apart, has the value's."""
    name = next(iter(get_type_hints(shapes[0])))
    told = {get_args(get_type_hints(shape)[name])[0]: shape for shape in shapes}
    given = value.get(name) if isinstance(value, dict) else None
    _expect(isinstance(given, str) and given in told, f"{where}.{name}", f"one of {', '.join(told)}", given)
    return told[given]


def _expect(right: bool, where: str, expected: str, got: Any) -> None:
    if not right:
        raise InputError("request", where, expected, got)
