"""A small experiment that is run in shards, and what must be true of the whole once they are merged."""
