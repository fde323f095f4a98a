"""Generator of tasks: random rooms, items and prompts, each with a layout without faults.

`rooms` draws the room, `lists` its items, `furnish` places them by the rules of the table of furniture on the grid of
`floorplan`, `prompts` writes the prompt, and `make` brings them together and checks the layout. Needs numpy alone;
called by `headless/tasks.py`. Wide tasks are drawn by `draw` and `floors`, with the relations of `wishes`, and laid out
by the planner in `wide`: `headless/pretrain.py` learns from files of them.
"""
