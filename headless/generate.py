"""Lay out a room: a task, or the furniture of a .blend with a wish in words, through a few turns of a model.

Writes layout.json, turns.jsonl, pictures of each turn, contact_sheet.png and scene.blend with a collection a turn. With
--replay an episode that a training run has recorded is played again, without its model.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from headless import cli, option_types, outputs, policies
from headless.rl.logs import replay
from headless.rl.logs.records import FILE as RECORD
from headless.rl.logs.records import RecordedEpisode, read_recorded
from headless.wishes import with_prompt_wishes
from metaspatial_addon.core.engines import ENGINES
from metaspatial_addon.core.errors import InputError
from metaspatial_addon.core.files import write_file
from metaspatial_addon.core.scale import by_factor, describe
from metaspatial_addon.core.shipped import shipped
from metaspatial_addon.core.task import Task, read_task, task_to_json, write_json
from metaspatial_addon.episode.env import LayoutEnv
from metaspatial_addon.episode.play import RENDER_PIXELS, PhaseStarted, play, prompt_format_of, reads_renders
from metaspatial_addon.episode.records import append_line, turn_record
from metaspatial_addon.episode.turn import Outcome, Turn
from metaspatial_addon.policy.base import Policy
from metaspatial_addon.policy.groups import GroupingPolicy
from metaspatial_addon.scoring.weights import DEFAULT

if TYPE_CHECKING:
    import bpy

    from metaspatial_addon.blender.scene_io.scene_to_task import SceneTask

OURS = re.compile(
    r"task\.json|layout\.json|turns\.jsonl|room_(top|view)\.png|turn_\d\d+_(top|view|shown_\d+)\.png"
    r"|contact_sheet\.png|rollouts\.html|scene\.(blend|glb)"
)
"""The files that this command writes. Those of an earlier run are taken out of the folder before new ones come."""


def main(argv: list[str]) -> None:
    args = _parse(argv)
    _earlier_files(args)  # refuses a folder of others before anything is loaded
    episodes: list[RecordedEpisode] = []
    if args.replay is not None:
        episodes = read_recorded(Path(args.replay) / RECORD, args.episode)
    if episodes and args.episode != episodes[0].name:
        if args.pictures == "none":
            raise cli.CommandError(
                f"--no-pictures: group {args.episode} is shown in pictures; name one of its episodes"
            )
        with _emptied_folder(args) as folder:
            replay.show_group(episodes, folder, args.engine)
        cli.output(f"{len(episodes)} episodes of {episodes[0].task.id} written to {folder}")
        return
    recorded = episodes[0] if episodes else None
    if recorded is not None:
        policy, source = _as_recorded(args, recorded)
    else:
        policy = policies.open_policy(args)
        if args.policy == "endpoint":
            policy = GroupingPolicy(policy)
        source = _from_blend(args) if args.task is None else Source(read_task(args.task))
        if args.wishes == "on":
            carried = {} if source.scene is None else source.scene.carried
            source = replace(source, task=with_prompt_wishes(source.task, carried))
    args.samples = args.samples or policies.default_samples(args.policy, len(source.task.movable))
    with _emptied_folder(args) as folder:
        outcome = _lay_out(args, folder, policy, source, recorded)
    cli.output(*outputs.table(outcome), *outputs.faults_left(outcome))
    for line in [] if recorded is None else replay.differences(recorded, outcome):
        cli.progress(line)
    if outcome.failure:
        raise cli.CommandError(outcome.failure)
    if outcome.best is None:
        failure = f"no answer could be used; what was answered stands in {folder / RECORD}."
        raise cli.CommandError(" ".join((failure, *outcome.turns[-1].notes)))
    cli.output(f"Written to {folder}")


def _parse(argv: list[str]) -> argparse.Namespace:
    parser = cli.parser("generate.py", __doc__ or "")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--task", metavar="T.json", type=shipped, help="a task file")
    source.add_argument("--blend", metavar="F.blend", help="a scene whose furniture is to be laid out")
    source.add_argument("--replay", metavar="RUN", help="the folder of a training run that recorded an episode")
    parser.add_argument(
        "--episode", metavar="ID", help="with --replay: the episode, as 25-97-3, or a group to look at, as 25-97"
    )
    blend = parser.add_argument_group("with --blend")
    blend.add_argument("--prompt", type=option_types.text, help="what is wished for, in words")
    blend.add_argument(
        "--floor", metavar="OBJECT", help='the object whose outline is the room; else the one with "floor" in its name'
    )
    blend.add_argument(
        "--size", type=option_types.length, nargs=3, metavar=("W", "D", "H"), help="or a room of this size in metres"
    )
    blend.add_argument("--height", type=option_types.length, default=2.7, help="of the room above --floor, in metres")
    blend.add_argument("--collection", metavar="NAME", help="of the furniture; else all that is visible")
    blend.add_argument(
        "--scale",
        type=option_types.factor,
        default=1.0,
        help="furniture is laid out so many times as large as in the scene",
    )
    blend.add_argument("--room-type", type=option_types.text, default="room", help="as bedroom or office")
    policies.add_arguments(parser)
    parser.add_argument(
        "--wishes",
        choices=("on", "off"),
        default="on",
        help="read what the prompt asks of the items as relations, unless the task has relations",
    )
    parser.add_argument("--seed", type=option_types.not_negative, default=0, help="of sampling")
    parser.add_argument("--engine", choices=ENGINES, default="auto", help="that takes the pictures")
    parser.add_argument(
        "--pictures",
        choices=outputs.CHOICES,
        help="of the best turn, of all turns, or of none, and no view is scored; else best, with --replay all",
    )
    parser.add_argument(
        "--no-pictures", dest="pictures", action="store_const", const="none", help="the same as --pictures none"
    )
    parser.add_argument("--out", metavar="DIR", required=True, help="folder for all results")
    parser.add_argument("--export", choices=("glb",), help="also write the best turn in this format")
    args = parser.parse_args(argv)
    if (args.replay is None) != (args.episode is None):
        parser.error("--replay and --episode go together")
    if args.blend is None:
        if args.prompt or args.floor or args.size or args.collection or args.scale != 1.0:
            parser.error("--prompt, --floor, --size, --collection and --scale go with --blend")
    elif args.prompt is None or (args.floor is not None and args.size is not None):
        parser.error("--blend needs --prompt, and takes --floor or --size, not both")
    return args


@contextmanager
def _emptied_folder(args: argparse.Namespace) -> Iterator[Path]:
    """The folder of results, held for this process alone, without the files of an earlier run. Raises CommandError."""
    folder = cli.output_folder(args.out)
    with cli.sole_use(folder):
        for path in _earlier_files(args):
            path.unlink(missing_ok=True)
        yield folder


def _earlier_files(args: argparse.Namespace) -> list[Path]:
    """The files of an earlier run in the folder of results. Raises CommandError where others would be overwritten."""
    folder = Path(args.out)
    given = Path(args.replay) / RECORD if args.replay is not None else Path(args.task or args.blend)
    if folder.resolve() in (given.parent.resolve(), given.resolve().parent):
        if args.blend is not None:
            raise cli.CommandError(f"--out {args.out}: this folder holds the --blend file: choose another folder")
        if OURS.fullmatch(given.name) and given.name != "task.json":
            raise cli.CommandError(f"--out {args.out}: {given.name} would be overwritten: choose another folder")
    earlier = sorted(
        path
        for path in folder.glob("*")
        # A run that is killed leaves the file that it is writing under the name of `core.files.written_beside`.
        if OURS.fullmatch(path.name.replace(".part.", "."))
        and not (given.exists() and path.exists() and path.samefile(given))
    )
    if earlier and not _is_record(folder / RECORD):
        raise cli.CommandError(
            f"--out {args.out}: {earlier[0].name} is there already, and no turns.jsonl says that an earlier run wrote "
            "it: choose another folder"
        )
    return earlier


def _is_record(path: Path) -> bool:
    """Whether a run of this command wrote the file: its first line is the record of a turn."""
    try:
        with path.open("rb") as file:
            first = json.loads(file.readline())
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(first, dict) and {"task", "turn", "conversation", "settings"} <= first.keys()


def _as_recorded(args: argparse.Namespace, recorded: RecordedEpisode) -> tuple[Policy, Source]:
    """The policy and the task of an episode that is played again; its settings take the place of options."""
    if not recorded.answers:
        raise cli.CommandError(f"--episode {args.episode}: it has no answer: {recorded.lines[0]['failure']}")
    args.turns, args.samples = len(recorded.answers), 1
    args.seed, args.temperature = recorded.lines[0]["seed"], recorded.settings["temperature"]
    args.tidy = "off"  # training tidies nothing
    if not recorded.settings["render"]:
        cli.progress("the run measured no view: its scores have none")
    return replay.RecordedPolicy(recorded), Source(recorded.task)


@dataclass(frozen=True)
class Source:
    """What is laid out: a task, and the scene that it was read from, if it was read from one."""

    task: Task
    scene: SceneTask | None = None


def _from_blend(args: argparse.Namespace) -> Source:
    """Open a .blend and read its scene as a task. Raises InputError."""
    import bpy

    from metaspatial_addon.blender.scene_io.scene_to_task import ItemOptions, SceneOptions, scene_to_task

    path = Path(args.blend)
    try:
        path.open("rb").close()
        bpy.ops.wm.open_mainfile(filepath=str(path.resolve()), load_ui=False, use_scripts=False)
    except (OSError, RuntimeError) as error:
        raise InputError(path, "", "a .blend that can be opened") from error
    scene = bpy.context.scene
    floor = None
    if args.floor is not None:
        floor = _named(path, "floor", scene.objects, args.floor)
    elif args.size is None:
        floor = _called_floor(path, scene)
    chosen = None
    if args.collection is not None:
        chosen = _named(path, "collection", scene.collection.children_recursive, args.collection)
    options = SceneOptions(
        floor=floor,
        size=args.size and tuple(args.size),
        height=args.height,
        collection=chosen,
        other_items=ItemOptions(scale=args.scale),
        carry=True,
        wishes=None if args.wishes == "on" else (),
        prompt=args.prompt,
        room_type=args.room_type,
    )
    scene_task = scene_to_task(scene, options)
    _say_what_was_read(scene_task)
    return Source(scene_task.task, scene_task)


def _say_what_was_read(scene_task: SceneTask) -> None:
    """Say what of a scene is not laid out, what goes along with what, and what is of a doubtful size."""
    for item_id, note in scene_task.notes.items():
        cli.progress(f"{item_id} stays where it is: {note}")
    for name, why in scene_task.left_out.items():
        cli.progress(f"{name} is left out: {why}")
    for item_id, item in scene_task.items.items():
        if item.carried:
            cli.progress(f"{item_id} +{len(item.carried)}: {', '.join(item.carried)} rests on it and goes along")
    for doubts in by_factor(scene_task.scale_doubts):
        cli.progress(f"{describe(doubts)} (--scale)")


def _called_floor(path: Path, scene: bpy.types.Scene) -> bpy.types.Object:
    """The scene's one mesh object with the word "floor" in its name. Raises InputError."""
    word = re.compile(r"(?<![a-z])floor(?![a-z])", re.IGNORECASE)
    floors = [obj for obj in scene.objects if obj.type == "MESH" and word.search(obj.name)]
    if len(floors) != 1:
        names = ", ".join(sorted(obj.name for obj in floors)) or "none"
        expected = f'one object with "floor" in its name (there is {names}): pass --floor OBJECT or --size W D H'
        raise InputError(path, "floor", expected)
    cli.progress(f"the room is the outline of {floors[0].name}")
    return floors[0]


def _named(path: Path, option: str, blocks: Iterable[bpy.types.ID], name: str) -> bpy.types.ID:
    """The scene's data-block of that name. Raises InputError."""
    by_name = {block.name: block for block in blocks}
    if name not in by_name:
        listed = ", ".join(sorted(by_name)[:20]) or "there is none"
        raise InputError(path, option, f"one that the scene has ({listed})", name)
    return by_name[name]


def _lay_out(
    args: argparse.Namespace, folder: Path, policy: Policy, source: Source, recorded: RecordedEpisode | None
) -> Outcome:
    """Play the episode, and write everything that comes of it to the folder."""
    with ExitStack() as stack:
        from metaspatial_addon.blender.physics.stage import Stage
        from metaspatial_addon.blender.scene_io.blend_file import export_layout

        if source.scene is not None:
            stack.callback(source.scene.free)  # after the stage, whose objects use its meshes
        stage = stack.enter_context(Stage())
        renderer = None
        which = args.pictures or ("best" if recorded is None else "all")
        if which != "none":
            from metaspatial_addon.blender.rendering.render import Renderer

            # While the episode is played, only those are rendered that the model sees.
            renderer = stack.enter_context(Renderer(args.engine, pixels=RENDER_PIXELS if reads_renders(policy) else 0))
        settings = {
            "policy": policy.name,
            "turns": args.turns,
            "samples": args.samples,
            "temperature": args.temperature,
            "free_places": args.free_places == "on",
            "tidy": args.tidy == "on",
            "engine": None if renderer is None else renderer.engine,
        }
        scoring_renderer, weights = renderer, DEFAULT
        if recorded is not None:
            scoring_renderer = stack.enter_context(replay.measuring(recorded, renderer))
            weights = recorded.weights
            settings = {**recorded.settings, **settings}
        env = LayoutEnv(
            stage,
            scoring_renderer,
            prompt_format_of(policy) if recorded is None else replay.prompt_format_of(recorded),
            weights=weights,
            max_turns=args.turns,
            show_images=policy.sees_images,
        )
        outcome, records = _play(env, policy, source, args, folder, settings)
        if outcome.best is not None and outcome.best.layout is not None:
            world = {} if source.scene is None else source.scene.world(outcome.best.layout)
            export_layout(folder / "layout.json", outcome.best.layout, world)
        if renderer is not None:
            renderer.pixels = RENDER_PIXELS
            cli.progress(f"pictures: {which}")
            outcome = outputs.render_turns(outcome, which, stage, source.task, renderer, folder)
            _name_images(folder, outcome, records)
        if outcome.best is not None and outcome.best.layout is not None:
            outputs.write_scene(folder, stage, source.task, source.scene, outcome, records, args.export)
        if renderer is not None:
            outputs.write_sheet(folder / "contact_sheet.png", outcome)
    return outcome


def _play(
    env: LayoutEnv, policy: Policy, source: Source, args: argparse.Namespace, folder: Path, settings: dict[str, Any]
) -> tuple[Outcome, list[dict[str, Any]]]:
    """Play the episode, writing records and pictures as they come."""
    meshes = None if source.scene is None else source.scene.meshes
    records: list[dict[str, Any]] = []
    tidy = args.tidy == "on"
    for event in play(env, policy, source.task, args.seed, args.samples, args.temperature, meshes, tidy=tidy):
        if isinstance(event, PhaseStarted):
            cli.progress(f"turn {event.turn} of at most {event.max_turns}: {event.phase}")
        elif isinstance(event, Turn):
            record = turn_record(event, env.task, env.seed, env.image_names, settings)
            record["images"] = [name for name, image in event.images.items() if image]
            records.append(record)
            for note in event.notes:
                cli.progress(f"turn {event.number}: {note}")
            append_line(folder / RECORD, record)  # before all others: it says that they are of this command
            if len(records) == 1:
                write_json(folder / "task.json", task_to_json(source.task))
            room = {name: image for image, name in env.image_names.items() if event.number == 1}
            for name, image in (room | event.images).items():
                if image:  # empty where only the view was measured
                    write_file(folder / name, image)
        else:
            return event, records
    raise AssertionError("an episode ends with its outcome")


def _name_images(folder: Path, outcome: Outcome, records: list[dict[str, Any]]) -> None:
    """Name pictures that were made after the turns in the records."""
    for turn, record in zip(outcome.turns, records, strict=True):
        record["images"] = [name for name, image in turn.images.items() if image]
    write_file(folder / RECORD, "".join(json.dumps(record) + "\n" for record in records).encode("ascii"))


if __name__ == "__main__":
    cli.run(main)
