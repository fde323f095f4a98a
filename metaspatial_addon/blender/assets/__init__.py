"""The furniture library: search by words, load, put into a scene."""
