"""Models that answer and learn, by the rendering that they read."""
