"""What a host tells while it works; the command line draws it, tests and services do not listen."""

from __future__ import annotations

from typing import Literal, Protocol


class Progress(Protocol):
    """A listener."""

    def stage(self, name: str, total: int, unit: Literal["bytes", "events"]) -> None:
        """A stage begins that will do ``total`` (0: unknown) of ``unit``."""

    def advance(self, done: int, events: int) -> None:
        """``done`` of the stage's unit and ``events`` events are done so far."""


class Silent:
    """Nobody listens."""

    def stage(self, name: str, total: int, unit: Literal["bytes", "events"]) -> None:
        """Nothing."""

    def advance(self, done: int, events: int) -> None:
        """Nothing."""
