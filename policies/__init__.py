"""Policies that ship with vigie: ``default.toml`` and ``cautious.toml``."""
