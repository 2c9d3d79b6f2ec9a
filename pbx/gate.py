"""What a restriction refuses at a PBX: the reference that every gate agrees with, in any language.

``pbx/kamailio/vigie-gate.cfg`` is the same in Kamailio's; a test asks both and compares. The order never changes: emergency first,
then what a restriction cannot touch, then the restrictions (contracts, "What each restriction means at the PBX").
"""

from __future__ import annotations

from typing import Literal

from pbx.bridge.target import Entry

#: What is asked. ``call``: a new call of the AoR. ``divert``: a leg that its redirect or forward would open. ``refer``: it asks
#: somebody to call. ``replaces``: it would take the place of a party of a standing call. ``incoming``: somebody calls it.
Request = Literal["register", "call", "divert", "refer", "replaces", "incoming"]

#: Classes that cost extra (contracts): what ``paid`` refuses.
SURCHARGED = frozenset({"short_paid", "shared_cost", "premium", "satellite", "intl_premium", "operator_risk"})
#: The letters of ``pbx/kamailio/table.py``, in their order; the first that refuses is named.
RESTRICTIONS = ("outgoing", "international", "paid", "prefixes", "credentials")


def refused_by(entry: Entry | None, request: Request, cls: str, e164: str = "") -> str:
    """The restriction that refuses a request, or ``""``.

    Args:
        entry: what stands for the AoR that pays: the caller, the diverting or the transferring one. ``None``: nothing.
        request: what is asked.
        cls: class of the destination (contracts); ``internal`` for the PBX's own extensions, ``emergency`` for the emergency
            branch, ``allowed`` for what the policy's ``paid_allow`` opens.
        e164: the number called, ``+`` and digits; the digits of a short code; ``""`` when it cannot be read. What cannot be read
            cannot be shown to be allowed, so every restriction of outgoing calls refuses it.

    >>> entry = Entry(aor="a@x", decision_id="d", customer_code="c", restrictions=("international",), home_prefixes=("+33",))
    >>> [refused_by(entry, "call", *to) for to in (("mobile", "+33612345678"), ("intl_fixed_mobile", "+447911123456"))]
    ['', 'international']
    >>> refused_by(entry, "call", "emergency", "112"), refused_by(entry, "incoming", "internal"), refused_by(entry, "divert", "invalid")
    ('', '', 'international')
    """
    if entry is None or cls == "emergency" or request == "incoming":
        return ""
    if "credentials" in entry.restrictions:
        # Whoever holds stolen credentials may be anybody: nothing but the emergency branch stays open.
        return "credentials"
    if request == "register" or cls == "internal" or (e164 and e164 in entry.allowed_numbers):
        return ""
    for restriction in RESTRICTIONS:
        if restriction in entry.restrictions and _refuses(entry, restriction, cls, e164):
            return restriction
    return ""


def _refuses(entry: Entry, restriction: str, cls: str, e164: str) -> bool:
    if restriction == "outgoing" or not e164:
        return True
    if restriction == "international":
        # A short code has no country: only what begins with + can be abroad.
        return e164.startswith("+") and not e164.startswith(entry.home_prefixes)
    if restriction == "paid":
        return cls in SURCHARGED
    return e164.startswith(entry.prefixes)
