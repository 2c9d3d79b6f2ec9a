"""Kamailio event lines: one JSON object per line, as ``kamailio-record.cfg`` beside this file writes them.

The script emits where it decides: after ``save()``, where it refuses, and in the dialog module's event routes. The dialect is
described in ``docs/pbx/kamailio.md``. A line may carry what a log daemon puts before it, up to and including ``EVT``; the evapi
module sends the same objects as netstrings.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from detectors.digest import identifier
from detectors.errors import ContractError
from detectors.events import Call, Event, Registration
from pbx import sip
from pbx.adapter import Coverage, IsOurs, Table
from pbx.framing import Framing

_MARK = b"EVT {"
_REGISTRATIONS: dict[str, Literal["register", "refresh", "unregister", "expire", "failed", "refused"]] = {
    "register": "register",
    "register_refresh": "refresh",
    "unregister": "unregister",
    "contact_expired": "expire",
    "register_auth_failed": "failed",
    "register_refused": "refused",
}
_PHASES: dict[str, Literal["attempt", "answer", "end"]] = {
    "invite": "attempt",
    "invite_refused": "attempt",
    "answer": "answer",
    "end": "end",
    "failed": "end",
}
_ENDERS: dict[str, Literal["caller", "callee", "network", "proxy"]] = {
    "caller": "caller",
    "callee": "callee",
    "network": "network",
    "proxy": "proxy",
}
#: Who made a call fail, by its final code: the caller gave up (487), the called phone declined.
_FAILED_BY: dict[int, Literal["caller", "callee"]] = {487: "caller", 486: "callee", 600: "callee", 603: "callee"}
#: 2000 to 9999: outside, the stamp is a broken clock, and no calendar can hold it.
_EARLIEST_MS, _LATEST_MS = 946_684_800_000, 253_402_300_799_999


class _Line(msgspec.Struct):
    """What a line may hold. Kamailio writes numbers as numbers or as texts depending on the variable they came from."""

    event: str
    ts: str | int | float
    aor: str | None = None
    contact: str | None = None
    user_agent: str | None = None
    src_ip: str | None = None
    src_port: str | int | None = None
    proto: str | None = None
    call_id: str | None = None
    cseq: str | int | None = None
    from_: str | None = msgspec.field(default=None, name="from")
    to: str | None = None
    ruri: str | None = None
    leg: str | None = None
    pani: str | None = None
    expires: str | int | None = None
    instance: str | None = None
    decision: str | None = None
    diverted_by: str | None = None
    emergency: str | int | bool = 0
    invite_ts: str | int | float | None = None
    answer_ts: str | int | float | None = None
    code: str | int | None = None
    ended_by: str | None = None
    reason: str | None = None
    answered_contact: str | None = None
    answered_user_agent: str | None = None
    answered_ip: str | None = None


_DECODER = msgspec.json.Decoder(_Line)


class Kamailio:
    """Adapter of ``format = "kamailio"``.

    Keys of the table: ``pbx`` (default: the source's name), ``tenant`` (only when everything in the source is one customer's) and
    ``domain`` (what completes an AoR without a host, as usrloc writes them with ``use_domain = 0``).

    >>> line = b'{"event":"contact_expired","ts":"1795466412.420302","aor":"carol@pbx.test","contact":"sip:carol@192.0.2.7"}'
    >>> [event] = Kamailio({"format": "kamailio"}, "edge-1", lambda aor: True).events(line)
    >>> event.action, event.time, event.aor, event.pbx
    ('expire', 1795466412420, 'carol@pbx.test', 'edge-1')
    """

    framing: Framing = "netstrings"
    coverage: Mapping[str, Coverage] = {"location": "full", "devices": "full", "calls": "full"}

    def __init__(self, table: Mapping[str, Any], name: str, is_ours: IsOurs) -> None:
        checked = Table(table, name, known=("pbx", "tenant", "domain"))
        self.name = name
        self._pbx = checked.text("pbx", name)
        self._tenant = checked.text("tenant", "")
        self._domain = checked.text("domain", "").lower()
        self._is_ours = is_ours

    def events(self, record: bytes) -> list[Event]:
        """Translate one line; see ``pbx.adapter.Adapter.events``.

        Returns:
            One registration or call event.

        Raises:
            ContractError: for a line that holds no event, cannot be read, or lacks what identifies the fact.
        """
        line = _decode(record)
        if line.event in _REGISTRATIONS:
            return [self._registration(line)]
        if line.event in _PHASES:
            return [self._call(line)]
        raise ContractError(f"event {line.event[:64]!r} is none that Kamailio's script is known to write")

    def _registration(self, line: _Line) -> Registration:
        uri, parameters = sip.contact(_said(line.contact) or "")
        expires = sip.expiry(parameters.get("expires"))
        if expires is None and line.expires is not None:
            expires = sip.expiry(str(line.expires))
        aor = self._aor(line.aor)
        action = _REGISTRATIONS[line.event]
        if expires == 0 and action in ("register", "refresh"):
            # Kamailio 5.6's save() says "inserted" for the removal of a contact that it does not have (recorded).
            action = "unregister"
        return Registration(
            id=self._id(line, aor, uri),
            time=_ms(line.ts, "ts"),
            pbx=self._pbx,
            tenant=self._tenant,
            action=action,
            aor=aor,
            device=sip.instance(parameters) or sip.instance({"+sip.instance": _said(line.instance) or ""}),
            contact=uri or None,
            user_agent=_said(line.user_agent),
            source_ip=_address(line.src_ip),
            source_port=_number(line.src_port, "src_port", 65_535),
            transport=_said(line.proto),
            expires_s=expires,
            status=_number(line.code, "code", 999),
            access_network=_said(line.pani),
            refused_by=_said(line.decision),
        )

    def _call(self, line: _Line) -> Call:
        if not line.call_id:
            raise ContractError(f"{line.event}: call_id is missing; without it no call can be followed")
        phase = _PHASES[line.event]
        time = _ms(line.ts, "ts")
        aor = self._aor(line.aor)
        callee_aor = self._callee_aor(line)
        ours = self._is_ours(aor)
        uri, parameters = sip.contact(_said(line.contact) or "")
        status = _number(line.code, "code", 999)
        ended_by = None
        if phase == "end":
            ended_by = _FAILED_BY.get(status or 0) if line.ended_by is None else _ended_by(line.ended_by)
        answered_at = _ms(line.answer_ts, "answer_ts") if line.answer_ts is not None else None
        return Call(
            id=self._id(line, aor, uri),
            time=time,
            pbx=self._pbx,
            tenant=self._tenant,
            phase=phase,
            call_id=line.call_id,
            leg_id=line.leg or "",
            # A call between two strangers stays "outbound": ingest then says that nobody knows its AoR.
            direction="outbound" if callee_aor is None else "internal" if ours else "inbound",
            aor=aor,
            callee_aor=callee_aor,
            caller=sip.user(_said(line.from_) or "") or None,
            callee=sip.user(_dialled(line)) or None,
            started_at=_ms(line.invite_ts, "invite_ts") if line.invite_ts is not None else time if phase == "attempt" else None,
            answered_at=time if answered_at is None and phase == "answer" else answered_at,
            ended_at=time if phase == "end" else None,
            status=status,
            cause=sip.q850(line.reason),
            ended_by=ended_by,
            device=sip.instance(parameters),
            contact=uri or None,
            user_agent=_said(line.user_agent),
            source_ip=_address(line.src_ip),
            access_network=_said(line.pani),
            answered_device=sip.instance(sip.contact(_said(line.answered_contact) or "")[1]),
            answered_contact=sip.contact(_said(line.answered_contact) or "")[0] or None,
            answered_user_agent=_said(line.answered_user_agent),
            answered_ip=_address(line.answered_ip),
            emergency=line.emergency in (1, "1", True, "true"),
            diverted_by=_said(line.diverted_by),
            refused_by=_said(line.decision),
        )

    def _aor(self, written: str | None) -> str:
        aor = sip.canonical(written or "")
        if aor and "@" not in aor and self._domain:
            aor = f"{aor}@{self._domain}"
        if not aor.partition("@")[2]:
            raise ContractError(f"aor {(written or '')[:128]!r} has no user@host; set domain in the source's table if the script omits it")
        return aor

    def _callee_aor(self, line: _Line) -> str | None:
        """The called AoR if it is ours.

        To is read only when the request URI is not logged: the caller writes it as he likes, and a call to a premium number
        with a colleague in To must not pass for an internal one.
        """
        uri = _dialled(line)
        name = sip.user(uri)
        if not name:
            return None
        aor = sip.canonical(uri)
        if self._domain and sip.is_address(aor.partition("@")[2]):
            # Phones that were given the proxy's address dial sip:bob@192.0.2.1 and mean the colleague.
            aor = f"{name}@{self._domain}".lower()
        return aor if self._is_ours(aor) else None

    def _id(self, line: _Line, aor: str, contact: str) -> str:
        # The stamp is part of it: a phone that restarts uses its Call-ID and CSeq again (sipp always does), a resend by the log
        # daemon keeps the stamp of the first emission.
        return identifier("ka", self._pbx, line.event, line.ts, aor, line.call_id, line.cseq, line.leg, contact)


def _decode(record: bytes) -> _Line:
    text = record.strip()
    if not text.startswith(b"{"):
        mark = text.find(_MARK)
        if mark < 0:
            raise ContractError("no event in this line: it neither is a JSON object nor holds one after EVT")
        text = text[mark + len(_MARK) - 1 :]
    try:
        # A phone may send bytes that are no UTF-8; they are shown as replaced, and judged.
        return _DECODER.decode(text.decode("utf-8", "replace"))
    except msgspec.ValidationError as error:
        raise ContractError(f"unexpected shape: {error}") from None
    except (msgspec.DecodeError, RecursionError) as error:
        raise ContractError(f"not JSON (cut by the log? xlog's buf_size and the log daemon both limit a line): {error}") from None


def _dialled(line: _Line) -> str:
    return _said(line.ruri) or _said(line.to) or ""


def _said(text: str | None) -> str | None:
    """What a phone said, ``None`` for nothing; Kamailio prints a variable without value as ``<null>``."""
    return None if text is None or text in ("", "<null>") else text


def _address(text: str | None) -> str | None:
    said = _said(text)
    return said.strip("[]") if said else None


def _number(value: str | int | None, key: str, highest: int) -> int | None:
    if value is None or value == "" or value == "<null>":
        return None
    if isinstance(value, str):
        if not (value.isascii() and value.isdigit() and len(value) < 12):
            raise ContractError(f"{key}: expected a number, got {value[:64]!r}")
        value = int(value)
    if not 0 <= value <= highest:
        raise ContractError(f"{key}: {value} is out of range")
    return value


def _ms(stamp: str | int | float | None, key: str) -> int:
    """Milliseconds of ``seconds.microseconds``, cut and never rounded: the contracts truncate (exact, no binary fraction)."""
    seconds, _, fraction = str(stamp).partition(".")
    digits = seconds + fraction
    if not (digits.isascii() and digits.isdigit() and seconds and len(seconds) < 14):
        raise ContractError(f"{key}: expected seconds.microseconds, got {str(stamp)[:64]!r}")
    ms = int(seconds) * 1000 + int(fraction[:3].ljust(3, "0"))
    if not _EARLIEST_MS <= ms <= _LATEST_MS:
        raise ContractError(f"{key}: {str(stamp)[:64]} is before the year 2000 or beyond 9999")
    return ms


def _ended_by(written: str) -> Literal["caller", "callee", "network", "proxy"]:
    if written not in _ENDERS:
        raise ContractError(f"ended_by: {written[:64]!r} is none of {', '.join(_ENDERS)}")
    return _ENDERS[written]
