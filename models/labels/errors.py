"""What can keep labels from being exported."""

from __future__ import annotations

from streams.errors import UsageError


class LabelsRefused(UsageError):
    """Labels that would be no good to train on, or a key that would be no good. The message says how to ask instead."""
