"""Speaks the dialects of telephone systems, one file per PBX."""
