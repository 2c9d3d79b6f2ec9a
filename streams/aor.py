"""The address of record in the one form that facts, events and tables share.

RFC 3261 §10.3: an AoR is the SIP URI without port and parameters; the contracts add lower case. Password and headers, which
RFC 3261 §19.1.1 allows and nobody should send, go too, and so does a display name, which some PBXes log with it.
"""

from __future__ import annotations

_SCHEMES = ("sip:", "sips:", "tel:")


def canonical_aor(text: str) -> str:
    """Lower case, no scheme, password, port, parameters or headers; ``""`` when nothing is left.

    >>> canonical_aor("sip:Alice@PBX.example:5060;transport=udp")
    'alice@pbx.example'
    >>> canonical_aor('"Alice" <sips:alice@[2001:DB8::1]:5061>')
    'alice@[2001:db8::1]'
    """
    while True:
        shorter = _strip_once(text)
        if shorter == text:
            return text
        # "sip:sip:alice@pbx" was seen from scripts that add the scheme to what has one: strip until nothing changes.
        text = shorter


def _strip_once(text: str) -> str:
    text = text.strip().lower()
    if "<" in text:
        text = text.partition("<")[2].partition(">")[0].strip()
    for scheme in _SCHEMES:
        if text.startswith(scheme):
            text = text[len(scheme) :]
    user, at, host = text.partition("@")
    if not at:
        user, host = "", user
    host = host.partition(";")[0].partition("?")[0].strip()
    if host.startswith("[") and "]" in host:
        host = host.partition("]")[0] + "]"
    else:
        host = host.partition(":")[0].rstrip(".")
    user = user.partition(";")[0].partition(":")[0].strip()
    return f"{user}@{host}" if user and host else host or user
