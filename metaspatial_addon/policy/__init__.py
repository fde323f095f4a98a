"""Who answers a conversation: the embedded model, a server, a local checkpoint."""
