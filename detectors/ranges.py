"""Which calling code and which range a number belongs to, from the digits alone (ITU-T E.164: codes of one, two or three digits).

The core opens no database, so it does not know a number's country, only its calling code: numbers of the North American plan
share ``1`` and are told apart by the three digits that follow.
"""

from __future__ import annotations

from collections.abc import Iterable

#: Calling codes of two digits; 1 and 7 stand alone, all others have three (ITU-T E.164, list of assigned country codes).
_TWO = frozenset(
    {"20", "27", "30", "31", "32", "33", "34", "36", "39", "40", "41", "43", "44", "45", "46", "47", "48", "49"}
    | {str(n) for n in range(51, 59)}
    | {str(n) for n in range(60, 67)}
    | {"81", "82", "84", "86"}
    | {str(n) for n in range(90, 96)}
    | {"98"}
)


def code_of(e164: str) -> str:
    """The calling code of a number without its ``+``; ``""`` for a short code.

    >>> code_of("+33612345678"), code_of("+12125550123"), code_of("+881612345678"), code_of("3646")
    ('33', '1', '881', '')
    """
    if e164[:1] != "+":
        return ""
    if e164[1:2] in ("1", "7"):
        return e164[1:2]
    return e164[1:3] if e164[1:3] in _TWO else e164[1:4]


def range_of(e164: str) -> str:
    """A number's range: country code and the next three digits (detectors.md, toll-fraud); a short code is its own range.

    >>> range_of("+252612345678"), range_of("+12125550123"), range_of("3646")
    ('+252612', '+1212', '3646')
    """
    code = code_of(e164)
    return e164[: 4 + len(code)] if code else e164


def is_home(e164: str, home_prefixes: Iterable[str]) -> bool:
    """Whether a number starts with a prefix of the home zone (policy ``home_prefixes``); short codes are at home.

    >>> is_home("+262692000000", ("+33", "+262")), is_home("+221771234567", ("+33", "+262")), is_home("3646", ())
    (True, False, True)
    """
    return e164[:1] != "+" or any(e164.startswith(prefix) for prefix in home_prefixes)
