"""Signed HTTP calls to whatever can enforce and speaks none of the PBX dialects."""
