"""Asterisk: call detail records in."""
