"""Who answers a conversation: the embedded model, the planner, a server, a local checkpoint."""
