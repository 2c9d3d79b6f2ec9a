"""Events of OpenSIPS as JSON-RPC notifications, as ``event_kafka`` writes them: ``{"jsonrpc":"2.0","method":"E_…","params":{…}}``.

``E_UL_CONTACT_*`` carry no time of their own, only an absolute expiry: the collector adds when they came. ``E_ACC_CDR`` is a
call; whose it is stands only in the extra fields that the script adds. See ``docs/pbx/opensips.md``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal

from detectors.digest import identifier
from detectors.errors import ContractError
from detectors.events import Call, Event, Registration
from pbx import sip
from pbx.adapter import Coverage, IsOurs, Table
from pbx.clock import checked, epoch_ms
from pbx.fields import address_of_record, json_object, number, said, sip_code

#: What the collector adds to a notification: when it came, ms.
ARRIVED = "vigie_arrived_ms"

#: Host and port of a URI behind its user, if it has one.
_PLACE = re.compile(r"^(?:sips?:)?(\[[0-9a-fA-F:.]+\]|[^:;?]+)(?::(\d{1,5}))?(?=$|[;?])", re.IGNORECASE)
_CONTACTS: dict[str, Literal["register", "refresh", "unregister"]] = {
    "E_UL_CONTACT_INSERT": "register",
    "E_UL_CONTACT_UPDATE": "refresh",
    "E_UL_CONTACT_REFRESH": "refresh",
    "E_UL_CONTACT_DELETE": "unregister",
}


class OpenSips:
    """Adapter of ``format = "opensips"``.

    Keys of the table: ``pbx`` (default: the source's name), ``tenant`` and ``domain`` (of AoRs without one, as usrloc writes them
    with ``use_domain`` off). Of a call it reads the script's extra fields ``aor``, ``ruri``, ``from``, ``src_ip``, ``user_agent``,
    ``contact``, ``emergency`` and ``decision``.

    >>> line = (b'{"jsonrpc":"2.0","method":"E_UL_CONTACT_INSERT","params":{"domain":"location","aor":"carol@pbx.example",'
    ...     b'"uri":"sip:carol@192.0.2.7:5060","received":"","expires":1795470012,"callid":"1f@192.0.2.7","cseq":2},'
    ...     b'"vigie_arrived_ms":1795466412420}')
    >>> [event] = OpenSips({"format": "opensips"}, "edge", lambda aor: True).events(line)
    >>> event.action, event.aor, event.source_ip, event.expires_s
    ('register', 'carol@pbx.example', '192.0.2.7', 3600)
    """

    coverage: Mapping[str, Coverage] = {"location": "full", "devices": "full", "calls": "full"}

    def __init__(self, table: Mapping[str, Any], name: str, is_ours: IsOurs) -> None:
        checked_table = Table(table, name, known=("pbx", "tenant", "domain"))
        self.name = name
        self._pbx = checked_table.text("pbx", name)
        self._tenant = checked_table.text("tenant", "")
        self._domain = checked_table.text("domain", "").lower()
        self._is_ours = is_ours

    def arrived(self, record: bytes, at: int) -> bytes:
        """The notification with the time of its arrival."""
        text = record.strip()
        if not text.startswith(b"{") or text == b"{}" or ARRIVED.encode() in text:
            return record
        return b'{"%s":%d,' % (ARRIVED.encode(), at) + text[1:]

    def events(self, record: bytes) -> list[Event]:
        """Translate one notification; see ``pbx.adapter.Adapter.events``.

        Returns:
            One event, or none for an event that says nothing about a registration or a call.

        Raises:
            ContractError: for a record that is no notification, or lacks what identifies the fact.
        """
        notification = json_object(record)
        method = said(notification, "method")
        params = notification.get("params")
        if method is None or not isinstance(params, dict):
            raise ContractError("no method with params: this is no notification of OpenSIPS")
        if method in _CONTACTS:
            return [self._contact(method, params, notification.get(ARRIVED))]
        if method == "E_ACC_CDR":
            return [self._call(params, self._cdr_times(params))]
        if method in ("E_ACC_EVENT", "E_ACC_MISSED_EVENT") and said(params, "method") == "INVITE":
            status = sip_code(params.get("sip_code"))
            if status is not None and status >= 300:
                # Only the moment of the answer is told: a call of no length.
                at = epoch_ms(said(params, "time") or "", "time")
                return [self._call(params, (at, None, at))]
        return []

    def _contact(self, method: str, params: Mapping[str, Any], arrived: object) -> Registration:
        aor = said(params, "aor")
        if aor is None or not ("@" in aor or self._domain):
            raise ContractError(f"{method}: aor {(aor or '')[:128]!r} has no user@host; set domain in the source's table")
        at = _arrival(arrived)
        if at is None:
            raise ContractError(f"{method}: no time in this event; read it through vigie collect, which adds when it came")
        uri, parameters = sip.contact(said(params, "uri") or "")
        expires = number(params.get("expires"), 2**40)
        action: Literal["register", "refresh", "unregister", "expire"] = _CONTACTS[method]
        if action == "unregister" and expires is not None and 0 < expires <= at // 1000:
            action = "expire"
        host, port = _received(said(params, "received") or uri)
        return Registration(
            # The event names no instant: Call-ID, CSeq and expiry tell one refresh from the next.
            id=identifier("os", self._pbx, method, aor, uri, said(params, "callid"), said(params, "cseq"), expires),
            time=at,
            pbx=self._pbx,
            tenant=self._tenant,
            action=action,
            aor=address_of_record(aor, self._domain or "invalid"),
            device=sip.instance(parameters),
            contact=uri or None,
            user_agent=said(params, "user_agent"),
            source_ip=host,
            source_port=port,
            transport=(said(params, "socket") or "").partition(":")[0].lower() or None,
            expires_s=max(0, expires - at // 1000) if expires and action in ("register", "refresh") else None,
        )

    def _cdr_times(self, params: Mapping[str, Any]) -> tuple[int, int | None, int]:
        """Start, answer and end: ``created`` is the INVITE, ``setuptime`` the seconds to the answer, then the duration."""
        started = epoch_ms(said(params, "created", "time") or "", "created")
        setup = number(params.get("setuptime"), 86_400)
        milliseconds, seconds = number(params.get("ms_duration"), 10**10), number(params.get("duration"), 10**7)
        if milliseconds is None and seconds is None:
            raise ContractError("E_ACC_CDR: neither ms_duration nor duration")
        answered = started + (setup or 0) * 1000
        return started, answered, answered + (milliseconds if milliseconds is not None else (seconds or 0) * 1000)

    def _call(self, params: Mapping[str, Any], times: tuple[int, int | None, int]) -> Call:
        call_id = said(params, "callid")
        if call_id is None:
            raise ContractError("callid is missing; without it no call can be followed")
        name = said(params, "aor")
        if name is None or not ("@" in name or self._domain):
            raise ContractError("aor is missing; let the script add the authenticated user as an extra field of acc (docs/pbx/opensips.md)")
        started, answered, ended = times
        aor = address_of_record(name, self._domain or "invalid")
        ruri = said(params, "ruri", "to") or ""
        callee_aor = sip.canonical(ruri)
        if self._domain and sip.is_address(callee_aor.partition("@")[2]):
            callee_aor = f"{sip.user(ruri)}@{self._domain}".lower()
        known = "@" in callee_aor and self._is_ours(callee_aor)
        status = sip_code(params.get("sip_code"))
        contact, parameters = sip.contact(said(params, "contact") or "")
        return Call(
            id=identifier("os", self._pbx, "call", call_id, said(params, "from_tag"), said(params, "to_tag"), status, started),
            time=checked(ended, "ended"),
            pbx=self._pbx,
            tenant=self._tenant,
            phase="cdr",
            call_id=call_id,
            leg_id=said(params, "from_tag") or "",
            direction="outbound" if not known else "internal" if self._is_ours(aor) else "inbound",
            aor=aor,
            callee_aor=callee_aor if known else None,
            caller=sip.user(said(params, "from") or "") or None,
            callee=sip.user(ruri) or None,
            started_at=started,
            answered_at=answered,
            ended_at=ended,
            status=status,
            device=sip.instance(parameters),
            contact=contact or None,
            user_agent=said(params, "user_agent", "ua"),
            source_ip=said(params, "src_ip"),
            emergency=said(params, "emergency") in ("1", "true"),
            refused_by=said(params, "decision"),
        )


def _arrival(value: object) -> int | None:
    return checked(value, ARRIVED) if isinstance(value, int) and not isinstance(value, bool) else None


def _received(uri: str) -> tuple[str | None, int | None]:
    """Address and port that OpenSIPS received from: ``received`` is empty when it equals the contact."""
    match = _PLACE.match(sip.contact(uri)[0].rpartition("@")[2])
    host = match[1].strip("[]") if match else ""
    return (host, number(match[2], 65_535)) if match and sip.is_address(host) else (None, None)
