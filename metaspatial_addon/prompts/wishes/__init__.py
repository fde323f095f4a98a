"""Wishes: what a prompt's words ask of the items and the room, as relations. `reading.read_wishes` begins it."""
