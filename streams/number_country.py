"""Which country and which range a number belongs to."""

from __future__ import annotations

from functools import lru_cache

import phonenumbers
from phonenumbers import NumberParseException


@lru_cache(maxsize=65536)
def country_of(e164: str) -> str:
    """ISO 3166 code of a number's country, ``001`` for networks without one, ``""`` for what is no E.164 number.

    A number whose pattern tells no country gets its calling code's main one.

    >>> country_of("+33612345678"), country_of("+262639012345"), country_of("+881612345678"), country_of("3646")
    ('FR', 'YT', '001', '')
    """
    if not e164.startswith("+"):
        return ""
    try:
        number = phonenumbers.parse(e164, None)
    except NumberParseException:
        return ""
    region = phonenumbers.region_code_for_number(number) or phonenumbers.region_code_for_country_code(number.country_code or 0)
    return "" if region == "ZZ" else region


def range_of(e164: str) -> str:
    """A number's range: country code and the next three digits; a short code is its own range.

    >>> range_of("+252612345678"), range_of("+12125550123"), range_of("3646")
    ('+252612', '+1212', '3646')
    """
    if not e164.startswith("+"):
        return e164
    for length in (1, 2, 3):
        if e164[1 : 1 + length].isdecimal() and int(e164[1 : 1 + length]) in phonenumbers.COUNTRY_CODE_TO_REGION_CODE:
            return e164[: 4 + length]
    return e164[:7]
