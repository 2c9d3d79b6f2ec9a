"""Days abroad in words: a call at noon of each day, over two networks in turn, placed by a database of that very day."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

from msgspec.structs import replace

from detectors.events import Event, Loc
from support.core import call, loc


def days(first: str, last: str) -> Iterator[str]:
    """Days from ``first`` to ``last``, both included."""
    day, end = date.fromisoformat(first), date.fromisoformat(last)
    while day <= end:
        yield day.isoformat()
        day += timedelta(days=1)


def stays(
    first: str, last: str, country: str = "CH", hour: str = "12:00", cls: str = "access", network: str = "", agree: bool = False,
    place: Loc | None = None, **more: Any,
) -> list[Event]:  # fmt: skip
    """A call on each day from ``first`` to ``last``."""
    return [
        event
        for n, day in enumerate(days(first, last))
        for event in call(
            f"{day} {hour}", place=place or replace(loc(country, cls, network or f"198.51.{n % 2}.0/24", agree), built=day), **more
        )
    ]
