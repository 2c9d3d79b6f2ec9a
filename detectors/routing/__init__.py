"""Calls that a line carries for others: what ``gateway`` counts."""
