"""Call records of any PBX whose fields a table of the policy names: columns of CSV, or keys of a JSON object.

3CX lets its administrator choose and order the columns; Yeastar posts an object with a JSON text inside. Both are examples of one
map: ``docs/pbx/3cx.md`` and ``docs/pbx/yeastar.md`` hold their tables.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

from detectors.digest import identifier
from detectors.errors import ContractError
from detectors.events import Call, Event
from pbx.adapter import Coverage, IsOurs, Table
from pbx.clock import epoch_ms, instants, time_zone
from pbx.fields import address_of_record, json_object, said, sip_code, text

#: What a map may name.
FIELDS = (
    "call_id", "leg_id", "linked_id", "started", "answered", "ended", "duration", "talk", "caller", "callee", "caller_number",
    "dialled", "presented", "status", "diverted_by", "source_ip", "user_agent",
)  # fmt: skip
_NEEDED = ("started",)
_DATE = re.compile(r"^(\d{4})[-/](\d\d)[-/](\d\d)[ T](\d\d:\d\d:\d\d)(?:\.\d+)?$", re.ASCII)
_EPOCH = re.compile(r"^\d{9,11}(?:\.\d+)?$", re.ASCII)
_CLOCK = re.compile(r"^(?:(\d{1,4}):)?(\d{1,4}):(\d\d)(?:\.\d+)?$", re.ASCII)
#: What a status says besides a SIP code: (answered, SIP status).
_WORDS: dict[str, tuple[bool, int | None]] = {
    "answered": (True, 200),
    "voicemail": (True, 200),
    "no answer": (False, 480),
    "noanswer": (False, 480),
    "busy": (False, 486),
    "failed": (False, 503),
    "congestion": (False, 503),
    "cancelled": (False, 487),
}


class Mapped:
    """Adapter of ``format = "mapped"``.

    Keys of the table: ``shape`` (``"csv"`` or ``"json"``), ``columns`` (CSV: all of them, in order), ``inside`` (JSON: a key whose
    text is the object to read), ``only`` (JSON: keys and the texts they must have; other objects state no fact), ``fields`` (which
    column or key is what; see ``FIELDS``), ``zone`` (of the stamps), ``domain`` (makes an AoR of an extension), ``strip`` (texts
    before an extension), ``pbx`` (default: the source's name) and ``tenant``.

    >>> table = {"format": "mapped", "shape": "csv", "zone": "UTC", "domain": "pbx.example", "strip": ["Ext."],
    ...     "columns": ["callid", "duration", "time-start", "time-answered", "time-end", "from-no", "to-no"],
    ...     "fields": {"call_id": "callid", "started": "time-start", "answered": "time-answered", "ended": "time-end",
    ...                "caller": "from-no", "callee": "to-no"}}
    >>> row = b"00000A1B_7,00:00:20,2026/07/01 08:00:00,,2026/07/01 08:00:20,Ext.101,0145678901"
    >>> [call] = Mapped(table, "3cx", lambda aor: aor == "101@pbx.example").events(row)
    >>> call.aor, call.callee, call.started_at, call.answered_at
    ('101@pbx.example', '0145678901', 1782892800000, None)
    """

    coverage: Mapping[str, Coverage] = {"location": "none", "devices": "none", "calls": "full"}

    def __init__(self, table: Mapping[str, Any], name: str, is_ours: IsOurs) -> None:
        known = ("pbx", "tenant", "domain", "zone", "shape", "columns", "inside", "only", "fields", "strip")
        checked = Table(table, name, known=known)
        self.name = name
        self._pbx = checked.text("pbx", name)
        self._tenant = checked.text("tenant", "")
        self._domain = checked.text("domain").lower()
        self._zone: ZoneInfo = time_zone(checked, "for stamps in UTC")
        self._shape = checked.text("shape")
        if self._shape not in ("csv", "json"):
            raise checked.error("shape", f'expected "csv" or "json", got {self._shape!r}')
        self._columns = _texts(checked, "columns")
        if (self._shape == "csv") != bool(self._columns):
            raise checked.error("columns", 'names all columns of "csv" in order; "json" has none')
        self._inside = checked.text("inside", "")
        self._only = _pairs(checked, "only")
        self._fields = _pairs(checked, "fields")
        if unknown := sorted(set(self._fields) - set(FIELDS)):
            raise checked.error("fields", f"{unknown[0]!r} is unknown; known are {', '.join(FIELDS)}")
        if missing := [one for one in _NEEDED if one not in self._fields]:
            raise checked.error("fields", f"{missing[0]!r} is missing")
        if not {"caller", "callee"} & set(self._fields):
            raise checked.error("fields", "names neither caller nor callee: whose calls are these?")
        if self._columns and (alien := sorted(set(self._fields.values()) - set(self._columns))):
            raise checked.error("fields", f"{alien[0]!r} is none of the columns")
        self._strip = tuple(_texts(checked, "strip"))
        self._is_ours = is_ours
        if "source_ip" in self._fields:
            self.coverage = {**self.coverage, "location": "partial"}

    def events(self, record: bytes) -> list[Event]:
        """Translate one record; see ``pbx.adapter.Adapter.events``.

        Returns:
            One call event of phase ``cdr``, or none for an object that ``only`` leaves out.

        Raises:
            ContractError: for a record of another shape, or one without times or sides.
        """
        values = self._values(record)
        if values is None:
            return []
        started, answered, ended = self._times(values)
        caller, callee = self._get(values, "caller"), self._get(values, "callee")
        dialled = self._get(values, "dialled") or callee
        if not caller and not callee:
            raise ContractError("neither a caller nor a callee: whose call is it?")
        aor, callee_aor = self._aor(caller), self._aor(callee)
        status = self._get(values, "status")
        word = _WORDS.get(status.lower()) if status else None
        if word is not None and not word[0]:
            answered = None
        return [
            Call(
                id=identifier("mp", self._pbx, record.strip()),
                time=ended,
                pbx=self._pbx,
                tenant=self._tenant,
                phase="cdr",
                call_id=self._get(values, "call_id") or identifier("mp", started, caller, callee),
                leg_id=self._get(values, "leg_id") or "",
                linked_id=self._get(values, "linked_id"),
                direction="outbound" if callee_aor is None else "internal" if aor else "inbound",
                # A caller that is none of ours has no AoR: this is the host for those (RFC 3323 §4.1.1.3), unless nobody is ours.
                aor=aor or address_of_record(caller or "anonymous", self._domain if callee_aor is None else "anonymous.invalid"),
                callee_aor=callee_aor,
                caller=self._get(values, "caller_number") or caller,
                callee=dialled,
                presented=self._get(values, "presented"),
                started_at=started,
                answered_at=answered,
                ended_at=ended,
                status=(sip_code(status) if word is None else word[1]) or (200 if answered is not None else None),
                source_ip=self._get(values, "source_ip"),
                user_agent=self._get(values, "user_agent"),
                diverted_by=self._aor(self._get(values, "diverted_by")),
            )
        ]

    def _values(self, record: bytes) -> Mapping[str, Any] | None:
        if self._shape == "csv":
            return self._row(record)
        values = json_object(record)
        if any(text(values.get(key)) != wanted for key, wanted in self._only.items()):
            return None
        if not self._inside:
            return values
        inner = values.get(self._inside)
        if isinstance(inner, dict):
            return inner
        if not isinstance(inner, str):
            raise ContractError(f"{self._inside}: expected an object, or the text of one")
        return json_object(inner.encode("utf-8", "replace"))

    def _row(self, record: bytes) -> Mapping[str, str]:
        line = record.decode("utf-8", "replace").strip("\r\n")
        # 3CX begins a record with "Call " when it sends it over a socket.
        line = line.removeprefix("Call ")
        try:
            values = next(csv.reader([line], strict=True), [])
        except csv.Error as error:
            raise ContractError(f"not a CSV row: {error}") from None
        if len(values) != len(self._columns):
            raise ContractError(f"{len(values)} columns; the source's table names {len(self._columns)}")
        return dict(zip(self._columns, values, strict=True))

    def _get(self, values: Mapping[str, Any], field: str) -> str | None:
        column = self._fields.get(field)
        return said(values, column) if column is not None else None

    def _aor(self, side: str | None) -> str | None:
        """The AoR of one of ours, or None."""
        if not side:
            return None
        for before in self._strip:
            side = side.removeprefix(before)
        aor = address_of_record(side, self._domain)
        return aor if self._is_ours(aor) else None

    def _times(self, values: Mapping[str, Any]) -> tuple[int, int | None, int]:
        """Start, answer and end; what is not written follows from the durations."""
        started, answered, ended = (self._instant(values, name) for name in ("started", "answered", "ended"))
        duration, talk = (_duration(self._get(values, name)) for name in ("duration", "talk"))
        if started is None:
            raise ContractError(f"{self._fields['started']}: the start of the call is missing")
        if ended is None:
            if duration is None and talk is None:
                raise ContractError("neither the end of the call nor its duration is there")
            # A duration may count from the answer (3CX): then the talk is all there is.
            ended = started + (duration if duration is not None else talk or 0)
            if answered is not None:
                ended = max(ended, answered)
        if answered is None and talk and "answered" not in self._fields:
            answered = max(started, ended - talk)
        return started, answered, max(started, ended)

    def _instant(self, values: Mapping[str, Any], name: str) -> int | None:
        written = self._get(values, name)
        if written is None:
            return None
        if _EPOCH.match(written):
            return epoch_ms(written, self._fields[name])
        match = _DATE.match(written)
        if match is None:
            raise ContractError(f"{self._fields[name]}: expected YYYY-MM-DD HH:MM:SS or seconds since 1970, got {written[:64]!r}")
        return instants(f"{match[1]}-{match[2]}-{match[3]} {match[4]}", self._zone, self._fields[name])[0]


def _duration(written: str | None) -> int | None:
    """Milliseconds of whole seconds, or of ``HH:MM:SS``.

    >>> _duration("72"), _duration("00:01:12"), _duration("")
    (72000, 72000, None)
    """
    if not written:
        return None
    if written.isascii() and written.isdigit() and len(written) < 9:
        return int(written) * 1000
    match = _CLOCK.match(written)
    return (int(match[1] or 0) * 3600 + int(match[2]) * 60 + int(match[3])) * 1000 if match else None


def _texts(table: Table, key: str) -> list[str]:
    value = table.get(key)
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(one, str) and one for one in value) or len(set(value)) != len(value):
        raise table.error(key, "expected a list of different texts")
    return value


def _pairs(table: Table, key: str) -> dict[str, str]:
    value = table.get(key)
    if value is None:
        return {}
    if not isinstance(value, dict) or not all(isinstance(one, str) and one for one in value.values()):
        raise table.error(key, "expected a table of texts")
    return value
