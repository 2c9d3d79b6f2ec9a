"""A report of drift as a page."""

from __future__ import annotations

from models.drift.drift import Drift
from models.pages import page


def html(drift: Drift) -> str:
    """The page of a report: what the team sees, the score, the features, the farthest first."""
    return page("drift/drift.html", drift=drift)
