"""What the interface knows: properties, preferences, the running job, caches."""
