"""Rooms to furnish, drawn at random, each with a layout that is known to be free of faults.

`rooms` draws the shell, `lists` what is to stand in it, `furnish` places it by rule on the grid of
`floorplan`, `prompts` words the wish, and `make` puts them together and checks the outcome.
numpy only; called by `headless/tasks.py` and, by the million, by `headless/pretrain.py`.
"""
