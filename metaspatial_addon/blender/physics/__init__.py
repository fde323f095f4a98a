"""Evidence from meshes and rigid bodies: overlaps, items outside, floating, unstable."""
