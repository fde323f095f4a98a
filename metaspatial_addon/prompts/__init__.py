"""Prompts: how a task and its feedback are written for a model, and how its answers are parsed."""
