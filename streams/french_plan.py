"""France's numbering plan: short codes, prefixes and overseas mapping, from the checked-in tables.

phonenumbers is wrong here in ways that matter (3919 premium, ``0590…`` invalid, ``0269…`` a mainland number), so these tables
answer first. Sources stand in each row of ``streams/data/*.csv``.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from importlib.resources import files

#: Calling codes of the home zone: FR, GP BL MF, GF, MQ, RE YT, PM, NC, WF, PF.
HOME_CODES = frozenset({33, 590, 594, 596, 262, 508, 687, 681, 689})
#: Overseas codes that keep France's nine-digit plan after the code.
NINE_DIGIT_CODES = frozenset({590, 594, 596, 262})


def _rows(name: str) -> Iterator[dict[str, str]]:
    with files("streams.data").joinpath(name).open(encoding="utf-8") as table:
        yield from csv.DictReader(table)


def _load_short_codes() -> dict[tuple[str, int, bool], str]:
    table = {}
    for row in _rows("french_short_codes.csv"):
        key = row["prefix"], int(row["digits"])
        table[*key, True] = row["class"]
        if row["media"] == "any":
            table[*key, False] = row["class"]
    return table


_SHORT = _load_short_codes()
_PREFIXES = {row["prefix"]: row["class"] for row in _rows("french_prefixes.csv")}
_OVERSEAS = {row["prefix"]: (int(row["calling_code"]), int(row["drop"])) for row in _rows("overseas_prefixes.csv")}
_OVERSEAS_LONGEST = max(map(len, _OVERSEAS))


def short_code_class(digits: str, *, text: bool = False) -> str:
    """Class of a French short code (emergency numbers are not here), or ``""``.

    Args:
        digits: the code as dialled.
        text: a text message: five-digit SMS codes exist only there.

    >>> short_code_class("3919"), short_code_class("3646"), short_code_class("118218"), short_code_class("41234")
    ('short_free', 'short_paid', 'short_paid', '')
    """
    for length in range(min(len(digits), 4), 0, -1):
        found = _SHORT.get((digits[:length], len(digits), text))
        if found:
            return found
    return ""


def national_class(nsn: str) -> str:
    """Class of nine digits after +33 or after 590, 594, 596, 262, or ``""`` when the plan does not say.

    >>> [national_class(n) for n in ("123456789", "612345678", "800123456", "806123456", "820123456", "899123456")]
    ['fixed', 'mobile', 'free', 'fixed', 'shared_cost', 'premium']
    """
    for length in (3, 2, 1):
        found = _PREFIXES.get(nsn[:length])
        if found:
            return found
    return ""


def overseas(nsn: str) -> tuple[int, str]:
    """Calling code and national digits of nine digits dialled nationally: overseas codes are not behind +33.

    >>> overseas("590123456"), overseas("639012345"), overseas("508431234"), overseas("612345678")
    ((590, '590123456'), (262, '639012345'), (508, '431234'), (33, '612345678'))
    """
    for length in range(_OVERSEAS_LONGEST, 2, -1):
        found = _OVERSEAS.get(nsn[:length])
        if found:
            code, drop = found
            return code, nsn[drop:]
    return 33, nsn


def french_prefixes() -> dict[str, str]:
    """First digits behind +33 → class: what ``national_class`` reads.

    >>> french_prefixes()["89"]
    'premium'
    """
    return dict(_PREFIXES)


def french_short_codes() -> dict[str, str]:
    """First digits of a code that one can call → class: what ``short_code_class`` reads, without SMS codes.

    >>> french_short_codes()["118"]
    'short_paid'
    """
    return {prefix: cls for (prefix, _, text), cls in _SHORT.items() if not text}


def overseas_prefixes() -> dict[str, tuple[int, int]]:
    """First digits of a national number → calling code and digits to drop: what ``overseas`` reads.

    >>> overseas_prefixes()["590"], overseas_prefixes()["508"]
    ((590, 0), (508, 3))
    """
    return dict(_OVERSEAS)
