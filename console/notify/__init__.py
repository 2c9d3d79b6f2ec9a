"""Waking somebody: what happened that a person should know of now, whom it concerns, when, and by which way."""
