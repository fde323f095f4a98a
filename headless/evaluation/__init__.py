"""Measuring policies: baselines, measures, intervals, pictures and the report of `headless/evaluate.py`."""
