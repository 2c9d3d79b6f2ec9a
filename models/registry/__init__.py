"""Keeps trained models: whole folders, signed, loaded only when everything about them is as it was signed, moved by two keys."""
