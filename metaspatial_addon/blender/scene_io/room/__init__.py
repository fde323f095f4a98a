"""The room of a scene: floor outline, walls, openings, what encloses it."""
