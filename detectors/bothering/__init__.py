"""Attempts that ring somebody for nothing: what ``harassment`` counts, by number."""
