"""Multi-turn GRPO with Blender's physics and renders as the reward. Run by `headless/train.py`."""
