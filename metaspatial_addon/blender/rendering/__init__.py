"""Images of a layout, and what they show of each item."""
