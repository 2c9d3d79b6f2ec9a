"""Objects of texts, as events of AMI, ESL and webhooks are: read leniently where a phone may have written, strictly elsewhere."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from detectors.errors import ContractError
from pbx import sip

_SURROGATE = re.compile("[\ud800-\udfff]")
#: Characters that no user or host part needs, and that would make an address of another one of it.
_ODD = re.compile(r"[^\w.+*#~$!%&'=-]")
_CODE = re.compile(r"(?<!\d)([1-6]\d\d)(?!\d)")


def json_object(record: bytes) -> dict[str, Any]:
    """The JSON object of a record. Bytes that are no UTF-8 and bare control characters are taken: a phone may have sent them.

    Raises:
        ContractError: it is not JSON, or not an object.
    """
    try:
        value = json.loads(record.decode("utf-8", "replace"), strict=False)
    except (ValueError, RecursionError) as error:
        raise ContractError(f"not JSON: {error}") from None
    if not isinstance(value, dict):
        raise ContractError("not JSON of an object")
    return value


def text(value: object) -> str:
    """A value as text without what no encoding can hold; ``""`` for nothing and for what is no scalar.

    >>> text(5), text(None), text(["x"]), text(True)
    ('5', '', '', 'true')
    """
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        try:
            return str(value)
        except ValueError:  # an integer of thousands of digits
            return ""
    return _SURROGATE.sub("\ufffd", value) if isinstance(value, str) else ""


def said(values: Mapping[str, Any], *names: str) -> str | None:
    """The first of these fields that says something, as text."""
    for name in names:
        found = text(values.get(name)).strip()
        if found:
            return found
    return None


def number(value: object, highest: int) -> int | None:
    """A whole number from 0 to ``highest``; ``None`` for anything else.

    >>> number("5060", 65535), number("x", 9), number("-1", 9), number(None, 9)
    (5060, None, None, None)
    """
    digits = text(value).strip()
    if not (digits.isascii() and digits.isdigit() and len(digits) < 12):
        return None
    found = int(digits)
    return found if found <= highest else None


def sip_code(value: object) -> int | None:
    """The SIP status code in a text such as ``sip:486`` or ``486 Busy Here``.

    >>> sip_code("sip:486"), sip_code("SIP 603 Decline"), sip_code("16")
    (486, 603, None)
    """
    match = _CODE.search(text(value)[:64])
    return int(match[1]) if match else None


def address_of_record(name: str, domain: str) -> str:
    """The AoR of a user's name as a PBX wrote it, which may be what a phone claimed: never empty, always ``user@host``.

    Args:
        name: a user, or ``user@host``.
        domain: of a name without one; what no host can be gives ``invalid``.

    >>> address_of_record("Alice", "pbx.example"), address_of_record("bob@PBX.example:5060", "x"), address_of_record("<>", "x.example")
    ('alice@pbx.example', 'bob@pbx.example', '__@x.example')
    """
    user, at, host = sip.canonical(name if "@" in name else f"{name}@{domain}").rpartition("@")
    if user and at and host and not _ODD.search(user) and not _ODD.search(host.strip("[]").replace(":", "")):
        return f"{user}@{host}"
    place = domain.strip() if domain.strip() and not _ODD.search(domain.strip().strip("[]").replace(":", "")) else "invalid"
    return f"{_ODD.sub('_', name.strip())[:128] or '_'}@{place}".lower()
