"""Words for furniture in thirteen languages, and how they make up a name."""
