"""How ttlsweep ends, and what an engine must make of it."""

WHOLE = 0
# Interrupted, or nothing to be reached; the last two as others see a process that was killed (SIGKILL, SIGTERM).
RETRIED = [75, 137, 143]
# Internal errors; usage, experiment or key; a program that is not there or cannot be run.
FINAL = [1, 2, 126, 127]
