"""A leg of a call in FreeSWITCH, read alike from an event of its channel and from a CDR of mod_json_cdr.

FreeSWITCH is a back-to-back user agent: a call has a leg from its caller ("inbound", towards FreeSWITCH) and one to each phone or
carrier that was rung ("outbound"). The caller's leg tells the call of the caller's licence; a leg to one of our own phones tells
what came in for it; a leg to a carrier repeats what the caller's leg says and is no fact of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

import msgspec

from detectors.errors import ContractError
from detectors.events import Call
from pbx import sip
from pbx.adapter import IsOurs
from pbx.fields import address_of_record, number, said, sip_code

Phase = Literal["attempt", "answer", "end", "cdr"]
Ender = Literal["caller", "callee", "network", "proxy"]

#: Who ended a leg, by what FreeSWITCH did or got on it: True for the far end of this leg, False for us, on behalf of the other one.
_DISPOSITIONS: dict[str, bool] = {
    "recv_bye": True,
    "recv_cancel": True,
    "recv_refuse": True,
    "send_bye": False,
    "send_cancel": False,
    "send_refuse": False,
}
#: Causes that a person at neither end chose (switch_types.h).
_PROXY = frozenset({"MANAGER_REQUEST", "ALLOTTED_TIMEOUT", "SYSTEM_SHUTDOWN", "MEDIA_TIMEOUT"})


class Leg(msgspec.Struct, kw_only=True):
    """What is known of a leg. ``variable`` gives a channel variable by its name; times in milliseconds, ``None`` for "did not happen"."""

    uuid: str
    call_uuid: str
    inbound: bool
    caller: str | None
    dialled: str | None
    address: str | None
    started: int | None
    answered: int | None
    ended: int | None
    cause: str | None
    variable: Callable[[str], str | None]


class Legs:
    """Makes calls of legs.

    Args:
        pbx: name of the source.
        tenant: of everything in it, or ``""``.
        domain: of names without one, or ``""``.
        is_ours: whether an AoR belongs to one of our licences.
    """

    def __init__(self, pbx: str, tenant: str, domain: str, is_ours: IsOurs) -> None:
        self._pbx, self._tenant, self._domain, self._is_ours = pbx, tenant, domain, is_ours

    def call(self, leg: Leg, phase: Phase, id_: str, time: int) -> Call | None:
        """The call event of a leg; None for a leg that is no fact of its own.

        Raises:
            ContractError: the leg has no unique id.
        """
        if not leg.uuid:
            raise ContractError("no unique id of the channel; without it no call can be followed")
        sides = self._caller(leg) if leg.inbound else self._called(leg)
        if sides is None:
            return None
        direction, aor, callee_aor = sides
        ended = phase in ("end", "cdr")
        status = sip_code(leg.variable("sip_term_status") or leg.variable("proto_specific_hangup_cause") or "") if ended else None
        if ended and leg.answered is not None:
            status = 200
        contact = leg.variable("sip_contact_uri") if leg.inbound else None
        return Call(
            id=id_,
            time=time,
            pbx=self._pbx,
            tenant=self._tenant,
            phase=phase,
            call_id=leg.uuid,
            leg_id=leg.uuid,
            linked_id=leg.call_uuid or None,
            direction=direction,
            aor=aor,
            callee_aor=callee_aor,
            caller=leg.caller,
            callee=leg.dialled,
            presented=leg.variable("effective_caller_id_number") if leg.inbound else None,
            started_at=leg.started if leg.started is not None else time if phase == "attempt" else None,
            answered_at=leg.answered if leg.answered is not None else time if phase == "answer" else None,
            ended_at=(leg.ended if leg.ended is not None else time) if ended else None,
            status=status,
            cause=number(leg.variable("hangup_cause_q850"), 127) or None if ended else None,
            ended_by=self._ended_by(leg) if ended else None,
            contact=sip.contact(contact or "")[0] or None,
            user_agent=leg.variable("sip_user_agent") if leg.inbound else None,
            source_ip=(leg.variable("sip_network_ip") or leg.variable("sip_received_ip") or leg.address) if leg.inbound else None,
            answered_ip=leg.variable("sip_network_ip") if not leg.inbound and leg.answered is not None else None,
            answered_user_agent=leg.variable("sip_user_agent") if not leg.inbound and leg.answered is not None else None,
            # Set by the dial plan: see docs/pbx/freeswitch.md.
            emergency=leg.variable("vigie_emergency") in ("true", "1"),
            refused_by=leg.variable("vigie_decision"),
        )

    def _caller(self, leg: Leg) -> tuple[Literal["outbound", "inbound", "internal"], str, str | None] | None:
        user, host = leg.variable("user_name"), leg.variable("domain_name") or self._domain
        aor = address_of_record(f"{user}@{host}", host) if user and host else None
        callee_aor = address_of_record(leg.dialled or "", host or self._domain) if leg.dialled and (host or self._domain) else None
        if callee_aor is not None and not self._is_ours(callee_aor):
            callee_aor = None
        if aor is not None:
            return ("internal" if callee_aor and self._is_ours(aor) else "outbound" if callee_aor is None else "inbound"), aor, callee_aor
        if callee_aor is None:
            # From a carrier, to a number: the leg to the phone that is rung says whose.
            return None
        return "inbound", self._stranger(leg), callee_aor

    def _called(self, leg: Leg) -> tuple[Literal["inbound"], str, str] | None:
        user, host = leg.variable("dialed_user"), leg.variable("dialed_domain") or self._domain
        if not user or not host:
            return None
        return "inbound", self._stranger(leg), address_of_record(f"{user}@{host}", host)

    def _stranger(self, leg: Leg) -> str:
        # RFC 3323 §4.1.1.3 names this host for callers without an identity.
        return address_of_record(leg.caller or "anonymous", "anonymous.invalid")

    def _ended_by(self, leg: Leg) -> Ender | None:
        if leg.cause in _PROXY:
            return "proxy"
        far = _DISPOSITIONS.get(leg.variable("sip_hangup_disposition") or "")
        if far is None:
            return None
        return "caller" if far is leg.inbound else "callee"


def variables(values: Mapping[str, Any], prefix: str = "") -> Callable[[str], str | None]:
    """Channel variables by name."""
    return lambda name: said(values, prefix + name)
