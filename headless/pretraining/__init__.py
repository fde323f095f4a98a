"""Teaches the embedded model to place and to repair, from layouts made ahead. Run by `headless/pretrain.py`."""
