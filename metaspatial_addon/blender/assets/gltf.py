"""Checks a .gltf or .glb before Blender's importer sees it, so that what is wrong with it can be named.

Of a glTF that passes every index leads somewhere, no node is its own ancestor, every accessor lies within its buffer,
and no buffer within another folder. The format: https://registry.khronos.org/glTF/specs/2.0/glTF-2.0.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from ...core.errors import InputError
from ...core.reading import FieldReader, parse_json, read_bytes
from ..pictures import is_below

LARGEST_ASSET = 512 * 2**20
"""Bytes of an asset's file, of any format."""
MOST_ENTRIES = 100_000
"""Nodes, meshes, accessors and the like, of each kind."""
MOST_ELEMENTS = 50_000_000
"""Elements of an accessor, such as the vertices of a mesh."""
DEEPEST_NODE = 200
"""Levels of parents of a node. Blender's importer calls itself for each."""

_BYTES = {5120: 1, 5121: 1, 5122: 2, 5123: 2, 5125: 4, 5126: 4}
"""Bytes of a component by its type's number."""
_COMPONENTS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT2": 4, "MAT3": 9, "MAT4": 16}

_KINDS = (
    *("scenes", "nodes", "meshes", "accessors", "bufferViews", "buffers"),
    *("materials", "textures", "images", "samplers", "skins", "cameras", "animations"),
)

Entries = list[dict[str, Any]]


def check_gltf(path: Path) -> None:
    """Raises InputError, which names the file and the field."""
    data = read_bytes(path, LARGEST_ASSET)
    held = None
    if path.suffix.lower() == ".glb":
        data, held = _chunks(path, data)
    read = FieldReader(path)
    content = parse_json(data, path, most_bytes=LARGEST_ASSET)
    if not isinstance(content, dict):
        raise read.fail("", "a JSON object", content)
    version = _table(read, content, "", "asset").get("version")
    if not isinstance(version, str) or not version.startswith("2."):
        raise read.fail("asset.version", "2.0", version)
    entries = {kind: _entries(read, content, kind) for kind in _KINDS}
    for place, value, kind in _indices(read, content, entries):
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < len(entries[kind]):
            raise read.fail(place, f"the number of one of the {len(entries[kind])} {kind}", value)
    _check_tree(read, entries["nodes"])
    _check_buffers(read, path.parent, entries, held)


def _chunks(path: Path, data: bytes) -> tuple[bytes, int]:
    """The JSON of a .glb, and the bytes of the buffer that it holds."""
    if data[:4] != b"glTF":
        raise InputError(path, "", "a binary glTF, which begins with glTF")
    length = int.from_bytes(data[12:16], "little")
    if data[16:20] != b"JSON" or len(data) < 20 + length:
        raise InputError(path, "", "a binary glTF whose first chunk is JSON, to its end")
    rest = 20 + length
    held = int.from_bytes(data[rest : rest + 4], "little") if data[rest + 4 : rest + 8] == b"BIN\0" else 0
    if len(data) < rest + 8 * bool(held) + held:
        raise InputError(path, "", f"a binary glTF of {rest + 8 + held} bytes: it was cut short at {len(data)}")
    return data[20:rest], held


def _table(read: FieldReader, holder: Mapping[str, Any], place: str, key: str) -> dict[str, Any]:
    value = holder.get(key, {})
    if not isinstance(value, dict):
        raise read.fail(f"{place}{key}", "an object", value)
    return value


def _list(read: FieldReader, holder: Mapping[str, Any], place: str, key: str) -> list[Any]:
    return read.list(holder.get(key, []), f"{place}{key}", MOST_ENTRIES)


def _entries(read: FieldReader, holder: Mapping[str, Any], key: str, place: str = "") -> Entries:
    """A list of objects, empty where there is none."""
    listed = _list(read, holder, place, key)
    for k, entry in enumerate(listed):
        if not isinstance(entry, dict):
            raise read.fail(f"{place}{key}[{k}]", "an object", entry)
    return listed


def _indices(
    read: FieldReader, content: Mapping[str, Any], entries: Mapping[str, Entries]
) -> Iterator[tuple[str, Any, str]]:
    """Each number of an entry: where it stands, itself, and the kind of the entry."""

    def of(holder: Mapping[str, Any], place: str, **kinds: str) -> Iterator[tuple[str, Any, str]]:
        return ((f"{place}{key}", holder[key], kind) for key, kind in kinds.items() if key in holder)

    yield from of(content, "", scene="scenes")
    for k, scene in enumerate(entries["scenes"]):
        for n, node in enumerate(_list(read, scene, f"scenes[{k}].", "nodes")):
            yield f"scenes[{k}].nodes[{n}]", node, "nodes"
    for k, node in enumerate(entries["nodes"]):
        place = f"nodes[{k}]."
        yield from of(node, place, mesh="meshes", camera="cameras", skin="skins")
        for n, child in enumerate(_list(read, node, place, "children")):
            yield f"{place}children[{n}]", child, "nodes"
    for k, mesh in enumerate(entries["meshes"]):
        for n, primitive in enumerate(_entries(read, mesh, "primitives", f"meshes[{k}].")):
            place = f"meshes[{k}].primitives[{n}]."
            yield from of(primitive, place, indices="accessors", material="materials")
            targets = _entries(read, primitive, "targets", place)
            for attributes in (_table(read, primitive, place, "attributes"), *targets):
                yield from ((f"{place}attributes.{name}", value, "accessors") for name, value in attributes.items())
    for k, accessor in enumerate(entries["accessors"]):
        yield from of(accessor, f"accessors[{k}].", bufferView="bufferViews")
    for k, view in enumerate(entries["bufferViews"]):
        if "buffer" not in view:
            raise read.fail(f"bufferViews[{k}].buffer", "this field to be present")
        yield from of(view, f"bufferViews[{k}].", buffer="buffers")
    for k, texture in enumerate(entries["textures"]):
        yield from of(texture, f"textures[{k}].", source="images", sampler="samplers")
    for k, image in enumerate(entries["images"]):
        yield from of(image, f"images[{k}].", bufferView="bufferViews")
    for k, material in enumerate(entries["materials"]):
        surface = _table(read, material, f"materials[{k}].", "pbrMetallicRoughness")
        for name, value in (*material.items(), *surface.items()):
            if name.endswith("Texture") and isinstance(value, dict):
                yield f"materials[{k}].{name}.index", value.get("index"), "textures"
    for k, skin in enumerate(entries["skins"]):
        yield from of(skin, f"skins[{k}].", inverseBindMatrices="accessors", skeleton="nodes")
        for n, joint in enumerate(_list(read, skin, f"skins[{k}].", "joints")):
            yield f"skins[{k}].joints[{n}]", joint, "nodes"


def _check_tree(read: FieldReader, nodes: Entries) -> None:
    """Nodes are trees: none has two parents, or is an ancestor of its own."""
    parents: dict[int, int] = {}
    for k, node in enumerate(nodes):
        for n, child in enumerate(node.get("children", [])):
            if child in parents:
                raise read.fail(f"nodes[{k}].children[{n}]", "a node without another parent", child)
            parents[child] = k
    levels: dict[int, int] = {}
    for k in range(len(nodes)):
        line = [k]
        while line[-1] not in levels and line[-1] in parents and len(line) <= DEEPEST_NODE:
            line.append(parents[line[-1]])
        level = levels.get(line[-1], 0)
        for node_number in reversed(line):
            levels[node_number] = level
            level += 1
        if len(line) > DEEPEST_NODE or level > DEEPEST_NODE:
            raise read.fail(f"nodes[{k}]", f"a node with at most {DEEPEST_NODE} ancestors")


def _check_buffers(read: FieldReader, folder: Path, entries: Mapping[str, Entries], held: int | None) -> None:
    """`held`: bytes of the buffer that a .glb holds."""

    def whole(holder: Mapping[str, Any], place: str, key: str, most: int, default: int | None = None) -> int:
        value = holder.get(key, default)
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= most:
            raise read.fail(f"{place}.{key}", f"a whole number from 0 to {most}", value)
        return value

    for k, buffer in enumerate(entries["buffers"]):
        uri, size = buffer.get("uri", ""), whole(buffer, f"buffers[{k}]", "byteLength", LARGEST_ASSET)
        if not isinstance(uri, str):
            raise read.fail(f"buffers[{k}].uri", "a text", uri)
        if uri.startswith("data:"):
            continue
        if not uri:  # the one that the file holds, or bytes that an extension unpacks
            if k == 0 and held is not None and size > held:
                raise read.fail(f"buffers[{k}].byteLength", f"at most the {held} bytes that the file holds", size)
            continue
        file = folder / unquote(uri)
        if "\0" in str(file) or not is_below(folder, file):
            raise read.fail(f"buffers[{k}].uri", "a file in the folder of the asset or below it")
        if not file.is_file() or file.stat().st_size < size:
            raise read.fail(f"buffers[{k}].uri", f"a file of at least {size} bytes", uri)
    for k, view in enumerate(entries["bufferViews"]):
        place, most = f"bufferViews[{k}]", entries["buffers"][view["buffer"]]["byteLength"]
        start = whole(view, place, "byteOffset", most, 0)
        whole(view, place, "byteLength", most - start)
        whole(view, place, "byteStride", 252, 0)
    for k, accessor in enumerate(entries["accessors"]):
        place = f"accessors[{k}]"
        count = whole(accessor, place, "count", MOST_ELEMENTS)
        component, kind = accessor.get("componentType"), accessor.get("type")
        if not isinstance(component, int) or component not in _BYTES:
            raise read.fail(f"{place}.componentType", "the number of a type of numbers", component)
        if not isinstance(kind, str) or kind not in _COMPONENTS:
            raise read.fail(f"{place}.type", f"one of {', '.join(_COMPONENTS)}", kind)
        if "bufferView" not in accessor or not count:
            continue
        view = entries["bufferViews"][accessor["bufferView"]]
        size = _BYTES[component] * _COMPONENTS[kind]
        start = whole(accessor, place, "byteOffset", view["byteLength"], 0)
        if start + (count - 1) * (view.get("byteStride") or size) + size > view["byteLength"]:
            raise read.fail(f"{place}.count", f"elements that end within bufferViews[{accessor['bufferView']}]", count)
