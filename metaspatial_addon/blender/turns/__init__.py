"""Turns as scene collections: add, show, compare, accept."""
