"""The emergency guard: which dialled strings reach an emergency service, whatever else is decided.

It is a table of exact strings and stands before every other rule. A library's emergency test is no substitute: for France
phonenumbers answers no to 114, 115, 119, 191, 196, 197, the 116 numbers and ``+33112``, and yes to ``1125``.
Source: Arcep, list of emergency numbers (decision 2017-1251 and its page); contracts, "Emergency numbers".
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache

from streams.dialled import clean

#: An operator may add numbers, never take one of these away: there is no option for it.
EMERGENCY_NUMBERS = ("15", "17", "18", "112", "114", "115", "119", "191", "196", "197", "116000", "116111", "116117")

#: Calling codes where France's plan is dialled: a national number begins with the trunk prefix 0.
FRENCH_CODES = frozenset({33, 590, 594, 596, 262, 508})


@lru_cache(maxsize=1024)
def _forms(calling_code: int, outside_prefix: str, added: frozenset[str]) -> Mapping[str, str]:
    bare: dict[str, str] = {}
    for code in sorted({*EMERGENCY_NUMBERS, *added}):
        bare[code] = code
        for country in (33, calling_code):
            bare[f"+{country}{code}"] = code
            bare[f"00{country}{code}"] = code
        if calling_code in FRENCH_CODES:
            # +33 112 and 0 112 are one number to a dial plan that rewrites; no French number is that short.
            bare["0" + code] = code
    if not outside_prefix:
        return bare
    return {outside_prefix + form: code for form, code in bare.items()} | bare


def emergency_code(
    dialled: str | None,
    *,
    calling_code: int = 33,
    outside_prefix: str | None = None,
    added: frozenset[str] = frozenset(),
    extensions: Collection[str] = (),
) -> str:
    """The emergency number that a dialled string reaches, or ``""``.

    Args:
        dialled: as dialled, or a SIP or tel URI, or a service URN.
        calling_code: the tenant's country.
        outside_prefix: digits that the tenant dials for an outside line.
        added: the operator's own emergency numbers (digits).
        extensions: local extensions that the operator mapped explicitly; only such a mapping wins over an emergency number of
            the same digits, and only in that bare form (``+33…`` and the outside prefix still reach the service).

    >>> emergency_code("0 112", outside_prefix="0"), emergency_code("+33 116 000"), emergency_code("1125")
    ('112', '116000', '')
    """
    digits = clean(dialled)
    if not digits or digits in extensions:
        return ""
    return _forms(calling_code, outside_prefix or "", added).get(digits, "")


def is_emergency(
    dialled: str | None,
    *,
    calling_code: int = 33,
    outside_prefix: str | None = None,
    added: frozenset[str] = frozenset(),
    extensions: Collection[str] = (),
) -> bool:
    """Whether a dialled string reaches an emergency service (arguments as in ``emergency_code``).

    >>> is_emergency("15"), is_emergency("15", extensions={"15"}), is_emergency("015", outside_prefix="0", extensions={"15"})
    (True, False, True)
    """
    return bool(emergency_code(dialled, calling_code=calling_code, outside_prefix=outside_prefix, added=added, extensions=extensions))


def added_numbers(numbers: Iterable[str]) -> frozenset[str]:
    """The operator's additions, checked.

    Raises:
        ValueError: one of them is not 2 to 8 digits.
    """
    cleaned = frozenset(clean(number) for number in numbers)
    for number in sorted(cleaned):
        if not (number.isdecimal() and 2 <= len(number) <= 8):
            raise ValueError(f"{number!r} cannot be an emergency number: expected 2 to 8 digits")
    return cleaned
