"""Reading facts that may lack fields: an old alert, one of another version, or one that a stranger wrote.

A plot is drawn of what is there; what is missing or of another kind is empty, never an error on the page of a decision.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

#: Larger numbers than any count, second or cent; above, arithmetic with floats would overflow.
MOST = 10**12
#: Entries of a list that a drawing gets: the longest of the rules' lists has 300.
MOST_ENTRIES = 400

Facts = Mapping[str, Any]


def whole(facts: Facts, name: str) -> int:
    """A number that is not negative, 0 when there is none."""
    return _whole(facts.get(name))


def said(facts: Facts, name: str) -> str:
    """A text, empty when there is none."""
    value = facts.get(name)
    return value if isinstance(value, str) else ""


def wholes(facts: Facts, name: str) -> list[int]:
    """A list of numbers; an entry that is none counts 0, since its place has a meaning."""
    return [_whole(value) for value in _listed(facts, name)]


def texts(facts: Facts, name: str) -> list[str]:
    """A list of texts."""
    return [value for value in _listed(facts, name) if isinstance(value, str)]


def entries(facts: Facts, name: str) -> list[Facts]:
    """A list of objects."""
    return [value for value in _listed(facts, name) if isinstance(value, Mapping)]


def holds(facts: Facts, name: str) -> bool:
    """A truth, false when there is none."""
    return facts.get(name) is True


def _listed(facts: Facts, name: str) -> list[Any]:
    value = facts.get(name)
    return list(value[:MOST_ENTRIES]) if isinstance(value, list | tuple) else []


def _whole(value: Any) -> int:
    return min(max(value, 0), MOST) if isinstance(value, int) and not isinstance(value, bool) else 0
