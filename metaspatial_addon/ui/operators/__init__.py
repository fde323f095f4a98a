"""One operator class for each action of the panel."""
