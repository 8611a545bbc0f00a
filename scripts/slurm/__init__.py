"""A Slurm cluster of one node on loopback, and what runs on it."""
