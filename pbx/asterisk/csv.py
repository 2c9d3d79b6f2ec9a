"""Asterisk ``Master.csv`` (cdr_csv): one row per call, written when it is over.

The file has no header; what its columns are follows from their number and from two options of ``cdr.conf``. See
``docs/pbx/asterisk.md``.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from typing import Any

from detectors.digest import identifier
from detectors.errors import ContractError
from detectors.events import Call, Event
from pbx.adapter import Coverage, IsOurs, Table
from pbx.clock import instants, time_zone

_BASE = (
    "accountcode", "src", "dst", "dcontext", "clid", "channel", "dstchannel", "lastapp", "lastdata",
    "start", "answer", "end", "duration", "billsec", "disposition", "amaflags",
)  # fmt: skip
_NEW = ("peeraccount", "linkedid", "sequence")
_OPTIONAL = ("uniqueid", "userfield")
#: What our gate writes into the user field of a call that it refused (``extensions-vigie.conf``): such a call feeds no rule.
REFUSED = "vigie-refused:"
#: What a row cannot be judged without.
_NEEDED = ("dst", "channel", "start", "answer", "end", "disposition")
#: What the row's disposition means, as (SIP status, Q.850 cause). RFC 3398 §8.2.6.1 pairs causes and statuses.
_DISPOSITIONS: dict[str, tuple[int | None, int | None]] = {
    "ANSWERED": (200, 16),
    "NO ANSWER": (480, 19),
    "BUSY": (486, 17),
    "CONGESTION": (503, 34),
    "FAILED": (503, 41),
    "UNKNOWN": (None, None),
}
#: ``PJSIP/<endpoint>-<hex>``; an endpoint may hold hyphens itself, and a channel in transfer ends in ``<ZOMBIE>``.
_CHANNEL = re.compile(r"^(?:PJSIP|SIP)/(.+)-[0-9a-f]+(?:<\w+>)?$")


class MasterCsv:
    """Adapter of ``format = "asterisk-csv"``.

    Keys of the table: ``zone`` (of the stamps; ``"UTC"`` with ``usegmtime``), ``domain`` (makes an AoR of an endpoint's name),
    ``pbx`` (default: the source's name), ``tenant``, ``column17`` (``"uniqueid"`` or ``"userfield"``, for rows of 17 or 20
    columns, which look alike) and ``columns`` (names in order, for a file that cdr_custom writes).

    >>> table = {"format": "asterisk-csv", "zone": "Europe/Paris", "domain": "pbx.example"}
    >>> row = (b'"","alice","+33145678901","out","","PJSIP/alice-0000002a","PJSIP/trunk-0000002b","Dial","",'
    ...     b'"2026-07-01 10:00:00",,"2026-07-01 10:00:20",20,0,"NO ANSWER","DOCUMENTATION"')
    >>> [call] = MasterCsv(table, "office", lambda aor: aor == "alice@pbx.example").events(row)
    >>> call.aor, call.direction, call.started_at, call.answered_at, call.cause
    ('alice@pbx.example', 'outbound', 1782892800000, None, 19)
    """

    coverage: Mapping[str, Coverage] = {"location": "none", "devices": "none", "calls": "full"}

    def __init__(self, table: Mapping[str, Any], name: str, is_ours: IsOurs) -> None:
        checked = Table(table, name, known=("pbx", "tenant", "domain", "zone", "column17", "columns"))
        self.name = name
        self._pbx = checked.text("pbx", name)
        self._tenant = checked.text("tenant", "")
        self._domain = checked.text("domain").lower()
        self._zone = time_zone(checked, "with usegmtime")
        self._layouts = _layouts(checked)
        self._is_ours = is_ours

    def events(self, record: bytes) -> list[Event]:
        """Translate one row; see ``pbx.adapter.Adapter.events``.

        Returns:
            One call event of phase ``cdr``.

        Raises:
            ContractError: for a row that cannot be read, or whose number of columns says nothing certain.
        """
        return [self.call(self._row(record), record)]

    def call(self, row: Mapping[str, str], record: bytes) -> Call:
        """The call of one row whose columns are known by their names; ``record`` is what it was read from.

        Raises:
            ContractError: for a row that cannot be understood.
        """
        status, cause = _status(row["disposition"])
        started_at, answered_at, ended_at = self._times(row)
        aor = self.endpoint(row["channel"]) or self.account(row.get("accountcode", ""))
        callee_aor = self._callee_aor(row)
        if aor is None and callee_aor is None:
            raise ContractError(f"channel {row['channel'][:128]!r} names no endpoint and accountcode is empty: whose call is it?")
        call_id = row.get("uniqueid") or f"{row['channel']}@{row['start']}"
        return Call(
            id=self._id(row, record),
            time=ended_at,
            pbx=self._pbx,
            tenant=self._tenant,
            phase="cdr",
            call_id=call_id,
            # One row per called party: a Dial to three phones writes three rows with one uniqueid.
            leg_id=row.get("sequence") or row.get("dstchannel", ""),
            linked_id=row.get("linkedid") or None,
            direction=self._direction(aor, callee_aor),
            # RFC 3323 §4.1.1.3 names this host for callers without an identity (a call that came in over a line card).
            aor=aor or f"{row.get('src') or 'anonymous'}@anonymous.invalid".lower(),
            callee_aor=callee_aor,
            caller=row.get("src") or None,
            callee=row["dst"] or None,
            started_at=started_at,
            answered_at=answered_at,
            ended_at=ended_at,
            status=status,
            cause=cause,
            refused_by=_refused_by(row.get("userfield", "")),
        )

    def _row(self, record: bytes) -> dict[str, str]:
        text = record.decode("utf-8", "replace").rstrip("\r\n")
        try:
            rows = list(csv.reader([text], strict=True))
        except csv.Error as error:
            raise ContractError(f"not a CSV row: {error}") from None
        if not rows or not any(rows[0]):
            raise ContractError("the row is empty")
        values = rows[0]
        columns = self._layouts.get(len(values))
        if columns is None:
            if len(values) in (17, 20):
                raise ContractError(
                    f'{len(values)} columns: the 17th is the unique id or the user field; set column17 = "uniqueid" or "userfield"'
                )
            known = ", ".join(map(str, sorted(self._layouts)))
            raise ContractError(f"{len(values)} columns; a row of this source has {known}")
        return dict(zip(columns, values, strict=True))

    def endpoint(self, channel: str) -> str | None:
        """The AoR of a channel's endpoint; ``None`` when its name holds none (a line card, a local channel)."""
        match = _CHANNEL.match(channel)
        return f"{match.group(1)}@{self._domain}".lower() if match else None

    def account(self, code: str) -> str | None:
        """The AoR of an account code or an extension, ``None`` for nothing."""
        if not code:
            return None
        return (code if "@" in code else f"{code}@{self._domain}").lower()

    def _callee_aor(self, row: Mapping[str, str]) -> str | None:
        """The called AoR if it is ours: the phone that was rung, else the extension that was dialled."""
        for candidate in (self.endpoint(row.get("dstchannel", "")), self.account(row["dst"])):
            if candidate and self._is_ours(candidate):
                return candidate
        return None

    def _direction(self, aor: str | None, callee_aor: str | None) -> Any:
        if callee_aor is None:
            return "outbound"
        return "internal" if aor and self._is_ours(aor) else "inbound"

    def _times(self, row: Mapping[str, str]) -> tuple[int, int | None, int]:
        """Start, answer and end in UTC milliseconds.

        The hour that clocks repeat in autumn gives two instants per stamp. The row also says how long the call was, in real
        seconds: the pair that fits the duration is taken, the earlier one when both do (a call wholly inside that hour).
        """
        starts, ends = self._instants(row["start"], "start"), self._instants(row["end"], "end")
        duration = _seconds(row.get("duration", ""))
        started_at, ended_at = min(
            ((start, end) for start in starts for end in ends),
            key=lambda pair: (pair[1] < pair[0], abs(pair[1] - pair[0] - duration) if duration is not None else 0, pair),
        )
        if not row["answer"]:
            return started_at, None, ended_at
        talk = _seconds(row.get("billsec", ""))
        answered_at = min(
            self._instants(row["answer"], "answer"),
            key=lambda at: (not started_at <= at <= ended_at, abs(ended_at - at - talk) if talk is not None else 0, at),
        )
        return started_at, answered_at, ended_at

    def _instants(self, stamp: str, column: str) -> list[int]:
        return instants(stamp, self._zone, column)

    def _id(self, row: Mapping[str, str], record: bytes) -> str:
        if row.get("uniqueid"):
            # Not the unique id alone: rows of one forked call share it.
            parts = (row.get(column) for column in ("uniqueid", "sequence", "dstchannel", "dst", "start", "end"))
            return identifier("as", self._pbx, *parts)
        return identifier("as", self._pbx, record.rstrip(b"\r\n"))


def _layouts(table: Table) -> dict[int, tuple[str, ...]]:
    """Column names by the number of columns; ``columns`` in the policy replaces them all."""
    chosen = table.get("column17")
    if chosen is not None and chosen not in _OPTIONAL:
        raise table.error("column17", f'expected "uniqueid" or "userfield", got {chosen!r}')
    columns = table.get("columns")
    if columns is None:
        layouts = [_BASE, (*_BASE, *_OPTIONAL), (*_BASE, *_NEW), (*_BASE, *_OPTIONAL, *_NEW)]
        if chosen is not None:
            layouts += [(*_BASE, chosen), (*_BASE, chosen, *_NEW)]
        return {len(layout): layout for layout in layouts}
    known = (*_BASE, *_OPTIONAL, *_NEW)
    if not isinstance(columns, list) or not all(isinstance(column, str) for column in columns):
        raise table.error("columns", "expected a list of column names in the order of the file")
    if unknown := [column for column in columns if column not in known]:
        raise table.error("columns", f"{unknown[0]!r} is unknown; known are {', '.join(known)}")
    if missing := [column for column in _NEEDED if column not in columns]:
        raise table.error("columns", f"{missing[0]!r} is missing; needed are {', '.join(_NEEDED)}")
    if len(set(columns)) != len(columns):
        raise table.error("columns", "a name stands there twice")
    if chosen is not None:
        raise table.error("column17", "has no meaning beside columns")
    return {len(columns): tuple(columns)}


def _status(disposition: str) -> tuple[int | None, int | None]:
    try:
        return _DISPOSITIONS[disposition]
    except KeyError:
        known = ", ".join(_DISPOSITIONS)
        raise ContractError(f"disposition: {disposition[:64]!r} is none of {known}; is the column order right?") from None


def _seconds(text: str) -> int | None:
    """Milliseconds of a whole number of seconds; a fraction (cdr_custom can write one) or nothing is no help here."""
    return int(text) * 1000 if text.isascii() and text.isdigit() and len(text) < 9 else None


def _refused_by(userfield: str) -> str | None:
    return userfield.removeprefix(REFUSED)[:128] or None if userfield.startswith(REFUSED) else None
