"""The parts of scripts/bench.py and scripts/caps.py."""
