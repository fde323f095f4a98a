"""Lay out the objects of a .blend and save the result: python examples/lay_out_blend.py RESULT.blend"""

import sys
from pathlib import Path

import bpy

from metaspatial_addon.blender.physics.stage import Stage
from metaspatial_addon.blender.scene_io.blend_file import save_blend
from metaspatial_addon.blender.scene_io.scene_to_task import SceneOptions, scene_to_task
from metaspatial_addon.episode.env import LayoutEnv
from metaspatial_addon.episode.play import play, prompt_format_of
from metaspatial_addon.policy.builtin.policy import BuiltinPolicy

bpy.ops.wm.open_mainfile(filepath=str(Path(__file__).with_name("studio.blend")))
scene, policy = bpy.context.scene, BuiltinPolicy()
options = SceneOptions(floor=scene.objects["Floor"], prompt="A bedroom to work in.")
room = scene_to_task(scene, options)
with Stage() as stage:
    env = LayoutEnv(stage, prompt_format=prompt_format_of(policy))
    for _ in play(env, policy, room.task, seed=1, samples=8, meshes=room.meshes):
        pass
if env.best is None or env.best.layout is None:
    sys.exit("no answer could be used")
for placed in room.placed(env.best.layout):
    placed.object.matrix_world = placed.matrix
save_blend(sys.argv[1], scene)
print(f"reward {env.best.reward:.3f}: {', '.join(env.best.layout.poses)}")
