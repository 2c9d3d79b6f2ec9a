"""What was dialled, reduced to digits: URIs, separators and service prefixes taken off.

A Request-URI user part, a ``tel:`` URI (RFC 3966) and what a person types with dots and brackets all name the same number. Every
rule about numbers starts from this form, the emergency guard first of all.
"""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import unquote

#: A dialled string is controlled by the phone: what is longer than this is no number, and is not worth reading further.
MAX_DIALLED = 256

_PLAIN = re.compile(r"\+?[0-9]+\Z")
_SCHEME = re.compile(r"(sips?|tel):", re.IGNORECASE)
_SOS = re.compile(r"urn:service:sos(\.[a-z.-]+)?\Z", re.IGNORECASE)
#: Hide-my-number codes in front of a number (#31#, *31#, *67# …): the call goes to what follows.
_HIDE = re.compile(r"[*#][0-9]{2}[*#](?=[0-9+])")
#: Bare prefixes that may stand for French short codes: 10YT, 110, 116…, 118…, 3BPQ.
_SHORT_PREFIX = re.compile(r"(10[0-9]{2}|11[068][0-9]{0,3}|3[0-9]{3})\Z")
_SEPARATORS = re.compile(r"[\s.\-()/_\u2010-\u2015\u2212\u200b\ufeff]+")


def clean(text: str | None) -> str:
    """Reduce a dialled string or URI to ``+`` and digits (``*`` and ``#`` stay; so do letters, which make it no number).

    An emergency service URN (RFC 5031) becomes ``112``.

    >>> clean("sip:06%2012.34-56%2078@pbx.example:5060;transport=udp"), clean("tel:+33-1-23-45-67-89;ext=12")
    ('0612345678', '+33123456789')
    >>> clean("#31#0612345678"), clean("urn:service:sos.fire"), clean("sip:pbx.example")
    ('0612345678', '112', '')
    """
    if not text:
        return ""
    if len(text) <= MAX_DIALLED and _PLAIN.match(text):
        return text
    text = text[:MAX_DIALLED].strip()
    opened = text.find("<")
    if opened >= 0:
        text = text[opened + 1 :].partition(">")[0]
    if _SOS.match(text):
        return "112"
    scheme = _SCHEME.match(text)
    if scheme:
        text = text[scheme.end() :]
    if "@" in text:
        text = text.rpartition("@")[0].partition(":")[0]  # a password may follow the user part
    elif scheme and scheme[1].lower() != "tel":
        return ""  # a host alone: without this, sip:192.0.2.1 would read as the number 192021
    text = re.split("[;,?]", unquote(text), maxsplit=1)[0]
    text = _SEPARATORS.sub("", text)
    if not text.isascii():
        text = "".join(str(unicodedata.decimal(c)) if c.isdecimal() else c for c in unicodedata.normalize("NFKC", text))
    hide = _HIDE.match(text)
    return text[hide.end() :] if hide else text


def is_digits(text: str) -> bool:
    """Whether a cleaned string is a number: digits, with a leading ``+`` or not."""
    return _PLAIN.match(text) is not None


def prefix_key(text: str) -> str:
    """Canonical form of a prefix in an operator's table: ``+33…`` for E.164, digits alone for a French short code.

    ``00`` means ``+`` and a national ``0`` means ``+33``. Digits alone are ambiguous (3646 is a short code and part of Hungary's
    +36 46), so they are taken for a short code only when they can be one.

    Raises:
        ValueError: neither an E.164 prefix nor a short code.

    >>> prefix_key("+44 7"), prefix_key("0899"), prefix_key("3646"), prefix_key("0037")
    ('+447', '+33899', '3646', '+37')
    """
    key = clean(text)
    if key.startswith("00"):
        key = "+" + key[2:]
    elif key.startswith("0"):
        key = "+33" + key[1:]
    if not is_digits(key) or len(key) > 16:
        raise ValueError(f"{text!r} is no prefix: write +44… for E.164, or a French short code such as 3646 or 118")
    if key[0] != "+" and not _SHORT_PREFIX.match(key):
        raise ValueError(f"{text!r} could be a short code or a country: write +{key} for E.164")
    return key
