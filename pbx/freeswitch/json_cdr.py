"""CDRs of FreeSWITCH's mod_json_cdr: one JSON object for each leg of a call, in a file of its own or posted to a web server.

Values are URL-encoded unless ``encode-values`` is off. A posted body may be the object itself, or ``cdr=`` and the object
URL-encoded or in base64, by the module's ``encode``. See ``docs/pbx/freeswitch.md``.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, unquote_to_bytes

from detectors.digest import identifier
from detectors.errors import ContractError
from detectors.events import Event
from pbx.adapter import Coverage, IsOurs, Table
from pbx.clock import checked, epoch_ms, micro_ms
from pbx.fields import json_object, said
from pbx.freeswitch.leg import Leg, Legs, variables

_FORM = b"cdr="


class JsonCdr:
    """Adapter of ``format = "freeswitch-cdr"``.

    Keys of the table: ``pbx`` (default: the source's name), ``tenant``, ``domain`` (of users that a CDR names without one) and
    ``encoded`` (false when the module has ``encode-values`` off).

    >>> body = (b'{"core-uuid":"c","channel_data":{"direction":"inbound"},"variables":{"uuid":"u1","user_name":"alice",'
    ...     b'"domain_name":"pbx%2Eexample","start_uepoch":"1795466411000000","answer_uepoch":"0","end_uepoch":"1795466431000000"},'
    ...     b'"callflow":[{"caller_profile":{"destination_number":"%2B33145678901"}}]}')
    >>> [call] = JsonCdr({"format": "freeswitch-cdr"}, "fs-1", lambda aor: aor == "alice@pbx.example").events(body)
    >>> call.aor, call.callee, call.answered_at, call.ended_at
    ('alice@pbx.example', '+33145678901', None, 1795466431000)
    """

    coverage: Mapping[str, Coverage] = {"location": "partial", "devices": "partial", "calls": "full"}

    def __init__(self, table: Mapping[str, Any], name: str, is_ours: IsOurs) -> None:
        checked_table = Table(table, name, known=("pbx", "tenant", "domain", "encoded"))
        self.name = name
        self._pbx = checked_table.text("pbx", name)
        self._encoded = table.get("encoded", True)
        if not isinstance(self._encoded, bool):
            raise checked_table.error("encoded", f"expected true or false, got {self._encoded!r}")
        self._legs = Legs(self._pbx, checked_table.text("tenant", ""), checked_table.text("domain", "").lower(), is_ours)

    def events(self, record: bytes) -> list[Event]:
        """Translate one CDR; see ``pbx.adapter.Adapter.events``.

        Returns:
            One call event of phase ``cdr``, or none for a leg that is no fact of its own.

        Raises:
            ContractError: for a record that is no CDR, or one without an id or an end.
        """
        cdr = json_object(_opened(record))
        values = cdr.get("variables")
        if not isinstance(values, dict):
            raise ContractError("no variables: this is no CDR of mod_json_cdr")
        values = self._plain(values)
        channel = self._plain(_object(cdr.get("channel_data")))
        profile = self._plain(_profile(cdr))
        variable = variables(values)
        ended = _instant(values, "end")
        if ended is None:
            raise ContractError("end_uepoch and end_epoch are missing; a CDR is written when the call is over")
        uuid = variable("uuid") or said(profile, "uuid") or ""
        leg = Leg(
            uuid=uuid,
            call_uuid=variable("call_uuid") or variable("originating_leg_uuid") or "",
            inbound=(variable("direction") or said(channel, "direction")) != "outbound",
            caller=said(profile, "caller_id_number", "username") or variable("sip_from_user"),
            dialled=said(profile, "destination_number") or variable("sip_req_user"),
            address=said(profile, "network_addr"),
            started=_instant(values, "start"),
            answered=_instant(values, "answer"),
            ended=ended,
            cause=variable("hangup_cause"),
            variable=variable,
        )
        call = self._legs.call(leg, "cdr", identifier("fc", self._pbx, uuid), ended)
        return [] if call is None else [call]

    def _plain(self, values: Mapping[str, Any]) -> Mapping[str, Any]:
        if not self._encoded:
            return values
        return {key: unquote(value) if isinstance(value, str) else value for key, value in values.items()}


def _opened(record: bytes) -> bytes:
    """The JSON of a body, whatever the module's ``encode`` says."""
    body = record.strip()
    if not body.startswith(_FORM):
        return body
    body = body[len(_FORM) :]
    if body.startswith((b"%7B", b"%7b", b"{")):
        return unquote_to_bytes(body)
    try:
        return base64.b64decode(b"".join(body.split()), validate=True)
    except binascii.Error as error:
        raise ContractError(f"cdr= is neither URL-encoded JSON nor base64: {error}") from None


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _profile(cdr: Mapping[str, Any]) -> Mapping[str, Any]:
    """The caller profile with which the call began: transfers put newer ones before it."""
    flow = cdr.get("callflow")
    if isinstance(flow, dict):
        flow = [flow]
    for step in reversed(flow if isinstance(flow, list) else []):
        profile = _object(_object(step).get("caller_profile"))
        if profile:
            return profile
    return {}


def _instant(values: Mapping[str, Any], what: str) -> int | None:
    """Microseconds where there are some, else seconds; 0 says that it did not happen."""
    micro = micro_ms(said(values, f"{what}_uepoch"), f"{what}_uepoch")
    if micro is not None:
        return micro
    seconds = said(values, f"{what}_epoch")
    return None if seconds in (None, "0") else checked(epoch_ms(seconds, f"{what}_epoch"), f"{what}_epoch")
