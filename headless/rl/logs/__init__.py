"""What a run writes down: figures, turns, pictures; and playing them again."""
