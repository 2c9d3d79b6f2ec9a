"""Events of FreeSWITCH's event socket (ESL) as JSON objects: registrations of mod_sofia and the life of channels.

``sofia::register`` is the best source there is: it carries the address that FreeSWITCH received from. Its ``from-user`` and
``from-host`` are the AoR (FreeSWITCH fills them from To), while ``sofia::register_failure`` has it in ``to-user`` and ``to-host``,
and ``sofia::expire`` in ``user`` and ``host``. See ``docs/pbx/freeswitch.md``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from detectors.digest import identifier
from detectors.errors import ContractError
from detectors.events import Event, Registration
from pbx import sip
from pbx.adapter import Coverage, IsOurs, Table
from pbx.clock import micro_ms
from pbx.fields import address_of_record, json_object, number, said
from pbx.freeswitch.leg import Leg, Legs, Phase, variables

_REGISTRATIONS: dict[str, Literal["register", "refresh", "unregister", "expire", "failed"]] = {
    "sofia::register": "register",
    "sofia::unregister": "unregister",
    "sofia::expire": "expire",
    "sofia::register_failure": "failed",
}
_PHASES: dict[str, Phase] = {"CHANNEL_CREATE": "attempt", "CHANNEL_ANSWER": "answer", "CHANNEL_HANGUP_COMPLETE": "end"}


class FreeSwitch:
    """Adapter of ``format = "freeswitch"``.

    Keys of the table: ``pbx`` (default: the source's name), ``tenant`` and ``domain`` (of users that an event names without one).

    >>> line = (b'{"Event-Name":"CUSTOM","Event-Subclass":"sofia::expire","Event-Date-Timestamp":"1795466412420302",'
    ...     b'"user":"carol","host":"pbx.example","contact":"sip:carol@192.0.2.7:5060"}')
    >>> [event] = FreeSwitch({"format": "freeswitch"}, "fs-1", lambda aor: True).events(line)
    >>> event.action, event.time, event.aor
    ('expire', 1795466412420, 'carol@pbx.example')
    """

    coverage: Mapping[str, Coverage] = {"location": "full", "devices": "full", "calls": "full"}

    def __init__(self, table: Mapping[str, Any], name: str, is_ours: IsOurs) -> None:
        checked = Table(table, name, known=("pbx", "tenant", "domain"))
        self.name = name
        self._pbx = checked.text("pbx", name)
        self._tenant = checked.text("tenant", "")
        self._domain = checked.text("domain", "").lower()
        self._legs = Legs(self._pbx, self._tenant, self._domain, is_ours)

    def events(self, record: bytes) -> list[Event]:
        """Translate one event; see ``pbx.adapter.Adapter.events``.

        Returns:
            One event, or none for an event, or a leg, that is no fact of its own.

        Raises:
            ContractError: for a record that is no event of FreeSWITCH, or lacks what identifies the fact.
        """
        event = json_object(record)
        name = said(event, "Event-Name")
        if name is None:
            raise ContractError("no Event-Name: this is no event of FreeSWITCH; a CDR of mod_json_cdr is format freeswitch-cdr")
        if name == "CUSTOM" and (subclass := said(event, "Event-Subclass") or "") in _REGISTRATIONS:
            return [self._registration(event, subclass)]
        if name in _PHASES:
            return self._channel(event, name)
        return []

    def _registration(self, event: Mapping[str, Any], subclass: str) -> Registration:
        action = _REGISTRATIONS[subclass]
        if action == "register" and said(event, "update-reg") == "true":
            action = "refresh"
        names = ("to-user", "to-host") if action == "failed" else ("user", "host") if action == "expire" else ("from-user", "from-host")
        user = said(event, names[0], "from-user", "user", "username")
        host = said(event, names[1], "from-host", "host", "realm") or self._domain
        if action == "failed":
            # To is what the caller wrote; one without a user is a siege all the same.
            user, host = user or "anonymous", host or "invalid"
        if user is None or not host:
            raise ContractError(f"{subclass}: {names[0]} or {names[1]} is missing; whose registration is it?")
        at = _time(event, "Event-Date-Timestamp")
        if at is None:
            raise ContractError(f"{subclass}: Event-Date-Timestamp is missing")
        uri, parameters = sip.contact(said(event, "contact") or "")
        return Registration(
            id=_id(event, "registration", self._pbx, subclass, at, user, host, said(event, "call-id"), said(event, "network-port")),
            time=at,
            pbx=self._pbx,
            tenant=self._tenant,
            action=action,
            aor=address_of_record(f"{user}@{host}", host),
            device=sip.instance(parameters),
            contact=uri or None,
            user_agent=said(event, "user-agent"),
            source_ip=said(event, "network-ip"),
            source_port=number(event.get("network-port"), 65_535),
            transport=_transport(said(event, "status") or "") or said(event, "proto"),
            expires_s=number(event.get("expires"), 2**32 - 1) if action != "expire" else None,
            status=403 if action == "failed" else None,
        )

    def _channel(self, event: Mapping[str, Any], name: str) -> list[Event]:
        phase = _PHASES[name]
        at = _time(event, "Event-Date-Timestamp")
        if at is None:
            raise ContractError(f"{name}: Event-Date-Timestamp is missing")
        variable = variables(event, "variable_")
        uuid = said(event, "Unique-ID", "Channel-Call-UUID") or ""
        inbound = said(event, "Call-Direction") != "outbound"
        if phase == "attempt" and inbound and variable("user_name") is None:
            # Not known yet who calls; the end of the leg says when it began.
            return []
        leg = Leg(
            uuid=uuid,
            call_uuid=said(event, "Channel-Call-UUID") or variable("call_uuid") or "",
            inbound=inbound,
            caller=said(event, "Caller-Caller-ID-Number", "Caller-Username"),
            dialled=said(event, "Caller-Destination-Number"),
            address=said(event, "Caller-Network-Addr"),
            started=_time(event, "Caller-Channel-Created-Time"),
            answered=_time(event, "Caller-Channel-Answered-Time"),
            ended=_time(event, "Caller-Channel-Hangup-Time"),
            cause=said(event, "Hangup-Cause"),
            variable=variable,
        )
        call = self._legs.call(leg, phase, identifier("fs", self._pbx, name, uuid), at)
        return [] if call is None else [call]


def _time(event: Mapping[str, Any], key: str) -> int | None:
    return micro_ms(event.get(key), key)


def _id(event: Mapping[str, Any], *parts: object) -> str:
    """Core and sequence name an event for everyone who subscribed; without them, what it says does."""
    core, sequence = said(event, "Core-UUID"), said(event, "Event-Sequence")
    return identifier("fs", core, sequence) if core and sequence else identifier("fs", *parts)


def _transport(status: str) -> str | None:
    """``Registered(UDP-NAT)`` names the transport.

    >>> _transport("Registered(UDP-NAT)"), _transport("Registered")
    ('udp', None)
    """
    inside = status.partition("(")[2].partition(")")[0].partition("-")[0].strip().lower()
    return inside if inside in ("udp", "tcp", "tls", "ws", "wss") else None
