"""Verdicts in, a signed model with its card out."""
