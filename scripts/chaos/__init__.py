"""Kills of every command by every signal, and what must be true of the folders and buckets that they leave."""
