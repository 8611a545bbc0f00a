"""Uploads through a router whose line is slower than what comes to it, so that its queue fills."""
