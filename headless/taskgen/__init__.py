"""Generator of tasks: random rooms, items and prompts, each with a layout without faults.

`rooms` draws the room, `lists` its items, `furnish` places them by the rules of the table of furniture on the grid of
`floorplan`, `prompts` writes the prompt, and `make` brings them together and checks the layout. Needs numpy alone;
called by `headless/tasks.py` and, for millions of tasks, by `headless/pretrain.py`.
"""
