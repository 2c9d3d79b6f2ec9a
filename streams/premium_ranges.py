"""Which numbers of the world cost extra, as prefixes: what a PBX needs that can only compare beginnings.

Taken from the patterns of libphonenumber (package ``phonenumbers``), so that the PBX and detection agree.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, REGION_CODE_FOR_NON_GEO_ENTITY, PhoneMetadata

#: What patterns consist of; another piece would be a mistake of ours, not of the operator.
_PIECE = re.compile(r"\\d|\[[0-9-]+\]|\(\?:|[|)]|[0-9]")
_COUNT = re.compile(r"\{(\d+)(?:,(\d+))?\}|(\?)")
_DIGITS = "0123456789"
#: Digits behind the calling code that are told apart; a few patterns go on, and would be a hundred thousand lines.
LONGEST = 6
#: A sequence of what may stand next: digits, or alternatives, each a sequence.
Sequence = tuple["str | tuple[Sequence, ...]", ...]
Alternatives = tuple[Sequence, ...]


def premium_ranges(code: int, *, shared_cost: bool = False) -> list[str]:
    """Prefixes (``+`` and digits) of a calling code's premium-rate numbers, none the beginning of another.

    Args:
        code: calling code.
        shared_cost: those of its shared-cost numbers instead.

    >>> premium_ranges(44)[:2], premium_ranges(49)
    (['+44842', '+44843'], ['+491377', '+491378', '+491379', '+499001', '+499003', '+499005', '+499009'])
    """
    found: set[str] = set()
    for region in COUNTRY_CODE_TO_REGION_CODE.get(code, ()):
        if region == REGION_CODE_FOR_NON_GEO_ENTITY:
            metadata = PhoneMetadata.metadata_for_nongeo_region(code, None)
        else:
            metadata = PhoneMetadata.metadata_for_region(region, None)
        kind = (metadata.shared_cost if shared_cost else metadata.premium_rate) if metadata else None
        if kind is not None and kind.national_number_pattern:
            found.update(prefixes(kind.national_number_pattern))
    return [f"+{code}{prefix}" for prefix in _merged(found)]


def prefixes(pattern: str) -> list[str]:
    r"""Shortest beginnings after which a pattern leaves every digit free.

    >>> prefixes(r"90[0-2]\d{3}|1(?:2\d)?3\d\d")
    ['1203', '1213', '1223', '1233', '1243', '1253', '1263', '1273', '1283', '1293', '13', '900', '901', '902']
    """
    alternatives, rest = _alternatives(pattern)
    if rest:
        raise ValueError(f"{rest!r} in a numbering pattern is unknown")
    return _merged({prefix for one in alternatives for prefix in _beginnings("", one)})


def _beginnings(prefix: str, rest: Sequence) -> Iterator[str]:
    if len(prefix) == LONGEST or all(map(_free, rest)):
        yield prefix
        return
    first, rest = rest[0], rest[1:]
    for one in first:
        if isinstance(one, str):
            yield from _beginnings(prefix + one, rest)
        else:
            yield from _beginnings(prefix, one + rest)


def _free(one: str | Alternatives) -> bool:
    return one == _DIGITS if isinstance(one, str) else all(_free(part) for alternative in one for part in alternative)


def _merged(found: set[str]) -> list[str]:
    """Ten neighbours become what they have in common; what a shorter one covers goes."""
    for length in range(max(map(len, found), default=0), 1, -1):
        for parent in sorted({prefix[:-1] for prefix in found if len(prefix) == length}):
            children = {parent + digit for digit in _DIGITS}
            if children <= found:
                found = (found - children) | {parent}
    return sorted(prefix for prefix in found if not any(prefix[:length] in found for length in range(len(prefix))))


def _alternatives(text: str) -> tuple[Alternatives, str]:
    """Alternatives at the beginning of ``text`` and what follows them, from a closing bracket on."""
    found: list[Sequence] = []
    sequence: Sequence = ()
    while text and text[0] != ")":
        match = _PIECE.match(text)
        if match is None:
            break
        piece, text = match[0], text[match.end() :]
        if piece == "|":
            found.append(sequence)
            sequence = ()
            continue
        one: str | Alternatives
        if piece == "(?:":
            one, text = _alternatives(text)
            text = text[1:]
        else:
            one = _DIGITS if piece == r"\d" else _class(piece)
        least, most, text = _count(text)
        optional: Sequence = ()
        for _ in range(most - least):
            # From the inside: each further one needs those before it.
            optional = (((), (one, *optional)),)
        sequence = (*sequence, *(one,) * least, *optional)
    return (*found, sequence), text


def _count(text: str) -> tuple[int, int, str]:
    match = _COUNT.match(text)
    if match is None:
        return 1, 1, text
    rest = text[match.end() :]
    return (0, 1, rest) if match[3] else (int(match[1]), int(match[2] or match[1]), rest)


def _class(piece: str) -> str:
    return "".join(digit for digit in _DIGITS if re.fullmatch(piece, digit))
