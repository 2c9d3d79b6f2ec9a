"""Telephone numbers on a page: masked, until a person reveals one with a reason."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

_NUMBER = re.compile(r"(?<![\w.:-])(\+?\d{2,11})\d{4}(?![\w.:-])")
HIDDEN = "••••"


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


def find(inputs: Iterable[Path], src: str) -> str | None:
    """The number that an evidence item hides, from the event of that id in a run's inputs; ``None``: the event is no longer there."""
    needle = f'"{src}"'.encode()
    for path in inputs:
        if not path.is_file():
            continue
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as lines:
            for line in lines:
                if needle in line and (number := _number_of(line, src)):
                    return number
    return None


def _number_of(line: bytes, src: str) -> str | None:
    try:
        event = msgspec.json.decode(line)
    except msgspec.MsgspecError:
        return None
    if not isinstance(event, dict) or event.get("id") != src:
        return None
    other = "caller" if event.get("direction") == "inbound" else "callee"
    return str(event.get(f"{other}_e164") or event.get(other) or "") or None
