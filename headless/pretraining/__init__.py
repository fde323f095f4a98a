"""Teaches the embedded model to place and to mend, from rooms that `taskgen` draws. Run by `headless/pretrain.py`."""
