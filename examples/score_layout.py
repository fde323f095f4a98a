"""Score a layout by physics and list its faults: python examples/score_layout.py"""

from pathlib import Path

from metaspatial_addon.blender.physics.stage import Stage
from metaspatial_addon.core.task import read_layout, read_task
from metaspatial_addon.episode.scorer import Scorer

task = read_task(Path(__file__).with_name("bedroom.json"))
layout = read_layout(Path(__file__).with_name("bedroom_layout.json"))
with Stage() as stage:
    scorer = Scorer(stage)
    scorer.open(task)
    evidence = scorer.physics(task, layout)
    print(f"reward {scorer.score(task, layout, 1.0, evidence).reward:.3f}")
    for fault in evidence.faults():
        print(fault.sentence())
