"""The few pieces of SIP syntax (RFC 3261 §25) that adapters need, written for input that a phone controls.

Nothing here raises: a header no grammar allows gives empty results, because a phone that writes nonsense must still be judged.
"""

from __future__ import annotations

import re
from ipaddress import ip_address

_SCHEME = re.compile(r"^(sips?|tel):", re.IGNORECASE)
_INSTANCE = re.compile(r'^"?<?(.*?)>?"?$', re.DOTALL)
_Q850 = re.compile(r'(?:^|,)\s*Q\.850\s*;[^,"]*?\bcause\s*=\s*(\d{1,3})\b', re.IGNORECASE)
#: RFC 3261 §20.19: an expiry is at most 2**32 - 1 seconds.
_LONGEST_EXPIRY = 2**32 - 1


def canonical(uri: str) -> str:
    """Address of record of a SIP URI: ``user@host`` in lower case, without scheme, password, port or parameters.

    >>> canonical("sip:Alice@PBX.example:5080;transport=tcp")
    'alice@pbx.example'
    >>> canonical("<sip:bob@[2001:db8::1]:5060>")
    'bob@[2001:db8::1]'
    >>> canonical("1001")
    '1001'
    """
    text = _bare(uri)
    user, at, host = text.rpartition("@")
    if not at:
        return text.split(";", 1)[0].lower()
    host = re.split(r"[;?>]", host, maxsplit=1)[0]
    if host.startswith("["):
        host = host.split("]", 1)[0] + "]"
    else:
        host = host.split(":", 1)[0].rstrip(".")
    return f"{user.split(';', 1)[0].split(':', 1)[0]}@{host}".lower()


def user(uri: str) -> str:
    """User part of a SIP or tel URI, as written; ``""`` when the URI has none.

    >>> user("sip:+33145678901@pbx.example;user=phone")
    '+33145678901'
    >>> user("tel:+33145678901;phone-context=example.com")
    '+33145678901'
    >>> user("sip:pbx.example")
    ''
    """
    text = _bare(uri)
    name, at, _ = text.rpartition("@")
    if not at:
        return text.split(";", 1)[0] if uri.lstrip("< ").lower().startswith("tel:") else ""
    return name.split(";", 1)[0].split(":", 1)[0]


def is_address(host: str) -> bool:
    """Whether a host is an IP address rather than a name.

    >>> is_address("192.0.2.1"), is_address("[2001:db8::1]"), is_address("pbx.example")
    (True, True, False)
    """
    try:
        ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True


def contact(header: str) -> tuple[str, dict[str, str]]:
    r"""URI and header parameters of the first contact of a Contact header.

    Parameters inside ``<>`` belong to the URI, those behind to the contact (RFC 3261 §20.10); without ``<>`` all belong to the
    contact. Names are lower case.

    >>> contact('"Bob; \\"x" <sip:bob@192.0.2.7:5060;ob>;expires=300;+sip.instance="<urn:uuid:1f>", <sip:b@192.0.2.8>')
    ('sip:bob@192.0.2.7:5060;ob', {'expires': '300', '+sip.instance': '"<urn:uuid:1f>"'})
    >>> contact("*")
    ('*', {})
    """
    first, *pieces = _split(header)
    opening = _outside_quotes(first, "<")
    if opening >= 0:
        closing = first.find(">", opening)
        uri = first[opening + 1 : closing if closing >= 0 else None]
    else:
        uri = first
    parameters: dict[str, str] = {}
    for piece in pieces:
        key, _, value = piece.partition("=")
        parameters.setdefault(key.strip().lower(), value.strip())
    return uri.strip(), parameters


def instance(parameters: dict[str, str]) -> str | None:
    """Instance id of a phone (RFC 5626 §4.1) without its quotes and brackets, or ``None``.

    >>> instance({"+sip.instance": '"<urn:uuid:1f>"'})
    'urn:uuid:1f'
    """
    match = _INSTANCE.match(parameters.get("+sip.instance", ""))
    return match.group(1) if match and match.group(1) else None


def expiry(text: str | None) -> int | None:
    """Seconds of an ``expires`` parameter or Expires header, ``None`` when it is no number (RFC 3261 §20.19).

    >>> expiry("300"), expiry("99999999999"), expiry("soon")
    (300, 4294967295, None)
    """
    digits = (text or "").strip().strip('"')
    if not digits.isascii() or not digits.isdigit():
        return None
    return min(int(digits[:11]), _LONGEST_EXPIRY)


def q850(reason: str | None) -> int | None:
    """ITU-T Q.850 cause of a Reason header (RFC 3326), or ``None``.

    >>> q850('SIP;cause=480, Q.850;cause=16;text="Normal call clearing"')
    16
    """
    match = _Q850.search(reason or "")
    return int(match.group(1)) if match else None


def _bare(uri: str) -> str:
    text = uri.strip()
    opening = _outside_quotes(text, "<")
    if opening >= 0:
        text = text[opening + 1 :].split(">", 1)[0]
    return _SCHEME.sub("", text)


def _outside_quotes(text: str, wanted: str) -> int:
    quoted = False
    skip = False
    for index, char in enumerate(text):
        if skip:
            skip = False
        elif quoted and char == "\\":
            skip = True
        elif char == '"':
            quoted = not quoted
        elif char == wanted and not quoted:
            return index
    return -1


def _split(header: str) -> list[str]:
    """Cut the first contact at its semicolons; quotes and ``<>`` protect both semicolons and commas."""
    pieces = []
    start = 0
    quoted = bracket = skip = False
    for index, char in enumerate(header):
        if skip:
            skip = False
        elif quoted:
            skip = char == "\\"
            quoted = char != '"'
        elif char == '"':
            quoted = True
        elif char in "<>":
            bracket = char == "<"
        elif not bracket and char in ",;":
            pieces.append(header[start:index])
            start = index + 1
            if char == ",":
                return pieces
    return [*pieces, header[start:]]
