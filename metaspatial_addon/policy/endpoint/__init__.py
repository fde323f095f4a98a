"""A model behind an OpenAI-compatible server. Standard library and numpy only, so that it runs in a stock Blender."""
