"""Verdicts of persons with the features of that time, as one file to train on (``docs/labels.md``)."""

from models.labels.file import Labels, read

__all__ = ["Labels", "read"]
