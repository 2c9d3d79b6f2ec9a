"""Why a step of a review is refused; ``key`` names the text that says so."""

from __future__ import annotations

from console.errors import ConsoleError


class ReviewError(ConsoleError):
    """A step that is refused. Nothing was written."""

    key = "refused"


class LeaseLost(ReviewError):
    """The alert is somebody else's now, or nobody's: the ten minutes are over."""

    key = "lease_lost"


class Stale(ReviewError):
    """The screen showed an older statement or restriction than what stands."""

    key = "stale"


class NotYours(ReviewError):
    """A second opinion by the first person, or a settlement by one of the two who disagree or by somebody who is no lead."""

    key = "not_yours"


class Over(ReviewError):
    """Another alert took this one in, or detection withdrew it."""

    key = "over"


class TooLate(ReviewError):
    """The ten seconds are over, or the review has left."""

    key = "too_late"


class Incomplete(ReviewError):
    """A field is missing or does not fit the others."""

    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key
