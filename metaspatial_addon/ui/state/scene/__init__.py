"""The artist's scene: which of it concerns a layout, and what the add-on adds to it."""
