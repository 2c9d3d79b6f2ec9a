"""Telephone numbers on a page: masked, until a person reveals one with a reason."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterable
from itertools import takewhile
from pathlib import Path
from typing import Any

import msgspec

_NUMBER = re.compile(r"(?<![\w.:-])(\+?\d{2,11})\d{4}(?![\w.:-])")
HIDDEN = "••••"
#: Where an event says numbers, the likeliest first.
NUMBERS = ("callee_e164", "callee", "caller", "presented")


def masked(value: Any) -> Any:
    """A value with the last four digits of every telephone number in its texts hidden.

    >>> masked({"to": ["+33612345678", "5 of 14"], "number": "0612345678"})
    {'to': ['+3361234••••', '5 of 14'], 'number': '061234••••'}
    """
    if isinstance(value, str):
        return _NUMBER.sub(rf"\g<1>{HIDDEN}", value)
    if isinstance(value, dict):
        return {key: masked(one) for key, one in value.items()}
    if isinstance(value, list):
        return [masked(one) for one in value]
    return value


def find(inputs: Iterable[Path], src: str, shown: str) -> str | None:
    """The number that an evidence item shows as ``shown``, from the event of that id in a run's inputs.

    ``None``: the event is no longer there.
    """
    needle = f'"{src}"'.encode()
    for path in inputs:
        if not path.is_file():
            continue
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as lines:
            for line in lines:
                if needle in line and (number := whole(line, shown, src)):
                    return number
    return None


def whole(line: bytes, shown: str, ident: str | None = None) -> str | None:
    """The number that evidence shows as ``shown``, from the line of its event.

    A line says numbers as they were dialled, evidence as the world writes them: the four digits that are hidden are the same, and
    those before them tell which number of the line it is, and that it is this line at all (a topic that was made anew has other
    records at the same places).

    Args:
        line: an event of the contracts, as its producer wrote it.
        shown: the number with its last digits hidden.
        ident: what the event's id must be; None: any.

    >>> whole(b'{"caller":"0145678901","callee":"0 06 12 34 56 78"}', "+3361234••••")
    '+33612345678'
    >>> whole(b'{"direction":"inbound","caller":"+23761234567","callee":"0145678901"}', "+2376123••••")
    '+23761234567'
    >>> whole(b'{"callee":"0712345678"}', "+3361239••••") is None
    True
    """
    try:
        event = msgspec.json.decode(line)
    except msgspec.MsgspecError:
        return None
    if not isinstance(event, dict) or (ident is not None and event.get("id") != ident):
        return None
    if not shown.endswith(HIDDEN):
        # A short number: nothing of it is hidden.
        return shown or None
    known = re.sub(r"\D", "", shown)
    best, last = 0, ""
    for name in NUMBERS:
        digits = re.sub(r"\D", "", str(event.get(name) or "").partition("@")[0])
        alike = _alike(digits[:-4], known)
        # A beginning may differ (0, 00 33, the digit for an outside line); what stands before the hidden digits may not.
        if alike >= min(3, len(known)) and alike > best:
            best, last = alike, digits[-4:]
    return shown.removesuffix(HIDDEN) + last if last else None


def _alike(one: str, other: str) -> int:
    """How many digits two numbers have in common, from their ends."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(reversed(one), reversed(other), strict=False)))
