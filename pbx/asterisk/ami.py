"""Events of Asterisk's manager interface (AMI): ``Key: value`` blocks, as they come from its socket or a capture of it.

What a call was stands in ``Cdr``; ``Newchannel``, ``Newstate`` and ``Hangup`` tell it while it goes on, and how it failed. Where a
phone is stands in the security events: they alone carry the address that Asterisk received from. See ``docs/pbx/asterisk.md``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from detectors.digest import identifier
from detectors.errors import ContractError
from detectors.events import Call, Event, Registration
from pbx import sip
from pbx.adapter import Coverage, IsOurs, Table
from pbx.asterisk.csv import MasterCsv
from pbx.clock import checked, epoch_ms
from pbx.fields import address_of_record, json_object, number, said, sip_code
from pbx.framing import Framing

#: What the collector writes into a block without a time of its own: when it came, ms. Asterisk names no field so.
ARRIVED = "VigieArrivedMs"

#: Columns of ``Master.csv`` by the names that cdr_manager gives them.
_COLUMNS = {
    "AccountCode": "accountcode", "Source": "src", "Destination": "dst", "DestinationContext": "dcontext", "CallerID": "clid",
    "Channel": "channel", "DestinationChannel": "dstchannel", "LastApplication": "lastapp", "LastData": "lastdata",
    "StartTime": "start", "AnswerTime": "answer", "EndTime": "end", "Duration": "duration", "BillableSeconds": "billsec",
    "Disposition": "disposition", "AMAFlags": "amaflags", "UniqueID": "uniqueid", "UserField": "userfield",
}  # fmt: skip
_Action = Literal["register", "refresh", "unregister", "expire", "failed", "refused"]
#: A contact that exists is "NonQualified" or "Reachable"; "Unreachable" and "Unqualified" say nothing about its registration.
#: "Created" is of Asterisk 13 to 15.
_CONTACTS: dict[str, _Action] = {
    "created": "register",
    "nonqualified": "register",
    "reachable": "refresh",
    "updated": "refresh",
    "removed": "unregister",
}
#: chan_sip's; a PJSIP endpoint's ``PeerStatus`` follows from its contacts and carries no address.
_PEERS: dict[str, _Action] = {"registered": "register", "unregistered": "unregister"}
#: ``InvalidAccountID`` is a name that does not exist: half of a siege.
_SECURITY: dict[str, _Action] = {
    "SuccessfulAuth": "refresh",
    "ChallengeResponseFailed": "failed",
    "InvalidPassword": "failed",
    "InvalidAccountID": "failed",
}
_SERVICES = frozenset({"pjsip", "sip"})
#: Events that may state a fact.
KNOWN = frozenset({"Cdr", "Newchannel", "Newstate", "Hangup", "ContactStatus", "PeerStatus", *_SECURITY})
#: ``IPV4/UDP/192.0.2.7/5060``
_REMOTE = re.compile(r"^IPV[46]/([A-Z]+)/(.+)/(\d{1,5})$")


class Ami:
    r"""Adapter of ``format = "asterisk-ami"``.

    Keys of the table: ``domain`` (makes an AoR of an endpoint's name), ``zone`` (of the stamps in ``Cdr``; ``"UTC"`` with
    ``usegmtime``), ``pbx`` (default: the source's name) and ``tenant``.

    >>> table = {"format": "asterisk-ami", "zone": "Europe/Paris", "domain": "pbx.example"}
    >>> block = (b"Event: ChallengeResponseFailed\r\nEventTV: 2026-07-01T10:00:00.123+0200\r\nService: PJSIP\r\n"
    ...     b"AccountID: alice\r\nSessionID: 1f@192.0.2.7\r\nRemoteAddress: IPV4/UDP/192.0.2.7/5060\r\n")
    >>> [event] = Ami(table, "office", lambda aor: True).events(block)
    >>> event.action, event.time, event.aor, event.source_ip
    ('failed', 1782892800123, 'alice@pbx.example', '192.0.2.7')
    """

    coverage: Mapping[str, Coverage] = {"location": "partial", "devices": "partial", "calls": "full"}
    framing: Framing = "blocks"

    def __init__(self, table: Mapping[str, Any], name: str, is_ours: IsOurs) -> None:
        checked_table = Table(table, name, known=("pbx", "tenant", "domain", "zone"))
        self.name = name
        self._pbx = checked_table.text("pbx", name)
        self._tenant = checked_table.text("tenant", "")
        self._domain = checked_table.text("domain").lower()
        self._is_ours = is_ours
        self._cdr = MasterCsv({**table, "format": "asterisk-csv"}, name, is_ours)

    def arrived(self, record: bytes, at: int) -> bytes:
        """The block with the time of its arrival, when Asterisk wrote none (``timestampevents = no``)."""
        if record.lstrip().startswith(b"{") or re.search(rb"(?m)^(?:Timestamp|EventTV|" + ARRIVED.encode() + rb"): ", record):
            return record
        return record + f"\r\n{ARRIVED}: {at}".encode()

    def events(self, record: bytes) -> list[Event]:
        """Translate one block, or one JSON object with the same keys; see ``pbx.adapter.Adapter.events``.

        Returns:
            One event, or none: responses, and the many events of AMI that say nothing about a registration or a call.

        Raises:
            ContractError: for a block that is none of AMI's, or one without a time or what identifies the fact.
        """
        block = _block(record)
        name = said(block, "Event")
        if name is None:
            if "Response" in block:
                return []
            raise ContractError("no Event in this block of AMI")
        if name == "Cdr":
            row = {column: said(block, key) or "" for key, column in _COLUMNS.items()}
            return [self._cdr.call(row, record)]
        if name in ("Newchannel", "Newstate", "Hangup"):
            return self._step(name, block)
        if name in _SECURITY:
            return self._security(name, block)
        if name == "ContactStatus":
            return self._contact(block)
        if name == "PeerStatus":
            return self._peer(block)
        return []

    def _step(self, name: str, block: Mapping[str, Any]) -> list[Event]:
        unique = said(block, "Uniqueid")
        if unique is None:
            raise ContractError(f"{name}: Uniqueid is missing; without it no call can be followed")
        if unique != (said(block, "Linkedid") or unique):
            return []  # the channel that was called: its CDR tells
        if name == "Newstate" and said(block, "ChannelState") != "6":
            return []
        aor = self._cdr.endpoint(said(block, "Channel") or "") or self._cdr.account(said(block, "AccountCode") or "")
        if aor is None or not self._is_ours(aor):
            # A call from a carrier: only its CDR says whom it reached.
            return []
        dialled = said(block, "Exten")
        callee_aor = self._cdr.account(dialled or "")
        callee_aor = callee_aor if callee_aor and self._is_ours(callee_aor) else None
        at = _time(block, name)
        phase: Literal["attempt", "answer", "end"] = "end" if name == "Hangup" else "answer" if name == "Newstate" else "attempt"
        return [
            Call(
                id=identifier("am", self._pbx, name, unique),
                time=at,
                pbx=self._pbx,
                tenant=self._tenant,
                phase=phase,
                call_id=unique,
                linked_id=unique,
                direction="internal" if callee_aor else "outbound",
                aor=aor,
                callee_aor=callee_aor,
                caller=said(block, "CallerIDNum"),
                # In Hangup, Exten is where the dial plan ended: "h", or a queue's step.
                callee=dialled if phase == "attempt" else None,
                started_at=at if phase == "attempt" else None,
                answered_at=at if phase == "answer" else None,
                ended_at=at if phase == "end" else None,
                status=sip_code(block.get("TechCause")),
                cause=number(block.get("Cause"), 127) or None,
            )
        ]

    def _security(self, name: str, block: Mapping[str, Any]) -> list[Event]:
        account = said(block, "AccountID")
        if (said(block, "Service") or "").lower() not in _SERVICES or account is None:
            return []  # a login to AMI itself, or a request that names nobody
        remote = said(block, "RemoteAddress") or ""
        match = _REMOTE.match(remote)
        at = _time(block, name)
        return [
            Registration(
                id=identifier("am", self._pbx, name, account, said(block, "EventTV") or at, said(block, "SessionID"), remote),
                time=at,
                pbx=self._pbx,
                tenant=self._tenant,
                action=_SECURITY[name],
                aor=self._aor(account),
                source_ip=match[2] if match else None,
                source_port=number(match[3], 65_535) if match else None,
                transport=match[1].lower() if match else None,
                status=200 if name == "SuccessfulAuth" else 401,
            )
        ]

    def _contact(self, block: Mapping[str, Any]) -> list[Event]:
        action = _CONTACTS.get((said(block, "ContactStatus") or "").lower())
        if action is None:
            return []
        aor = said(block, "AOR", "EndpointName")
        if aor is None:
            raise ContractError("ContactStatus: AOR is missing")
        at = _time(block, "ContactStatus")
        uri = sip.contact(said(block, "URI") or "")[0]
        expires = number(block.get("RegExpire"), 2**32 - 1)
        return [
            Registration(
                id=identifier("am", self._pbx, "ContactStatus", action, aor, uri, at),
                time=at,
                pbx=self._pbx,
                tenant=self._tenant,
                action=action,
                aor=self._aor(aor),
                contact=uri or None,
                user_agent=said(block, "UserAgent"),
                # RegExpire is the instant at which it ends, as far as Asterisk wrote it at all.
                expires_s=max(0, expires - at // 1000) if expires else None,
            )
        ]

    def _peer(self, block: Mapping[str, Any]) -> list[Event]:
        action = _PEERS.get((said(block, "PeerStatus") or "").lower())
        technology, _, peer = (said(block, "Peer") or "").partition("/")
        if action is None or technology.upper() != "SIP" or not peer:
            return []
        at = _time(block, "PeerStatus")
        address, port = _host_port(said(block, "Address") or "")
        return [
            Registration(
                id=identifier("am", self._pbx, "PeerStatus", action, peer, address, port, at),
                time=at,
                pbx=self._pbx,
                tenant=self._tenant,
                action=action,
                aor=self._aor(peer),
                source_ip=address or None,
                source_port=number(port, 65_535),
            )
        ]

    def _aor(self, name: str) -> str:
        return address_of_record(name, self._domain)


def _block(record: bytes) -> dict[str, Any]:
    if record.lstrip().startswith(b"{"):
        return json_object(record)
    found: dict[str, Any] = {}
    for line in record.decode("utf-8", "replace").splitlines():
        key, colon, value = line.partition(":")
        if colon:
            # The first one counts: what a caller puts into a channel variable comes behind.
            found.setdefault(key.strip(), value.strip())
    return found


def _time(block: Mapping[str, Any], name: str) -> int:
    written = said(block, "EventTV")
    if written is not None:
        try:
            at = datetime.fromisoformat(written)
        except ValueError:
            at = None
        if at is None or at.tzinfo is None:
            raise ContractError(f"{name}: EventTV: {written[:64]!r} is no time with an offset")
        return checked(int(at.timestamp()) * 1000 + at.microsecond // 1000, f"{name}: EventTV")
    written = said(block, "Timestamp")
    if written is not None:
        return epoch_ms(written, f"{name}: Timestamp")
    arrived = said(block, ARRIVED)
    if arrived is None or not (arrived.isascii() and arrived.isdigit() and len(arrived) < 16):
        raise ContractError(f"{name}: no time in this event; set timestampevents = yes in manager.conf")
    return checked(int(arrived), f"{name}: {ARRIVED}")


def _host_port(address: str) -> tuple[str, str]:
    host, colon, port = address.rpartition(":")
    if not colon or (":" in host and not host.startswith("[")):
        return address.strip("[]"), ""
    return host.strip("[]"), port
