"""What an adapter is, and which one a ``[sources.NAME]`` table of the policy asks for.

A PBX speaks its own dialect; detection knows the contracts alone. An adapter translates one record (a line, a row) at a time and
keeps nothing between two records, so that a file may be read in any order, in parts or twice with the same events as the result.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from typing import Any, Literal, Protocol

from detectors.errors import PolicyError
from detectors.events import Event

Coverage = Literal["full", "partial", "none"]
IsOurs = Callable[[str], bool]

#: Sources whose lines already are contract JSON: ingest reads those itself.
NATIVE = "jsonl"


#: Where the adapter of each format is; a run imports the ones it uses.
FORMATS: dict[str, str] = {
    "kamailio": "pbx.kamailio.adapter:Kamailio",
    "opensips": "pbx.opensips.events:OpenSips",
    "freeswitch": "pbx.freeswitch.events:FreeSwitch",
    "freeswitch-cdr": "pbx.freeswitch.json_cdr:JsonCdr",
    "asterisk-ami": "pbx.asterisk.ami:Ami",
    "asterisk-csv": "pbx.asterisk.csv:MasterCsv",
    "mapped": "pbx.mapped.adapter:Mapped",
}


class Adapter(Protocol):
    """One PBX dialect.

    ``name`` is the source's name in the policy; ``coverage`` says what the dialect can show at all (``location``: addresses as the
    PBX received them, ``devices``: user agents and instance ids, ``calls``). What a source cannot show is reported as not
    covered; its silence is never called clean.

    Two attributes are there only where the dialect needs them: ``framing`` (``pbx.framing.Framing``, when records are not lines) and
    ``arrived(record, at)``, which writes the time of arrival (ms) into a record that has no time of its own; whoever receives
    it live calls that once, before anything else, so that a record sent again later is still the same.
    """

    name: str
    coverage: Mapping[str, Coverage]

    def events(self, record: bytes) -> Iterable[Event]:
        """Translate one record.

        Args:
            record: the bytes of one line, with or without its line end.

        Returns:
            The events it states, times in integer milliseconds UTC.

        Raises:
            ContractError: with the reason, when the record cannot be understood; the host makes it one dead letter.
        """
        ...


def build(table: Mapping[str, Any], name: str, is_ours: IsOurs) -> Adapter | None:
    """Make the adapter that a ``[sources.NAME]`` table of the policy describes.

    Args:
        table: the table as read from TOML.
        name: NAME, for messages and summaries; it is also the ``pbx`` of the events when the table has none.
        is_ours: whether a canonical AoR belongs to one of our licences, by the account facts of the run.

    Returns:
        The adapter, or ``None`` for ``format = "jsonl"``: such a source already speaks the contracts.

    Raises:
        PolicyError: for an unknown format or key, or a value that makes no sense; the message says what is expected.
    """
    wanted = table.get("format", NATIVE)
    if wanted == NATIVE:
        Table(table, name, known=("pbx", "tenant"))
        return None
    place = FORMATS.get(wanted) if isinstance(wanted, str) else None
    if place is None:
        *most, last = (f'"{one}"' for one in (*FORMATS, NATIVE))
        raise PolicyError(f"[sources.{name}] format: {wanted!r} is unknown; write {', '.join(most)} or {last}")
    module, _, cls = place.partition(":")
    made: Adapter = getattr(import_module(module), cls)(table, name, is_ours)
    return made


class Table:
    """A source table, checked while it is read: every message names the table, the key and what was expected."""

    def __init__(self, table: Mapping[str, Any], name: str, known: Iterable[str]) -> None:
        self._table = table
        self._name = name
        allowed = sorted({"format", *known})
        for key in table:
            if key not in allowed:
                raise self.error(key, f"unknown here; this format knows {', '.join(allowed)}")

    def error(self, key: str, what: str) -> PolicyError:
        """The error for ``key``, ready to be raised."""
        return PolicyError(f"[sources.{self._name}] {key}: {what}")

    def text(self, key: str, default: str | None = None) -> str:
        """A non-empty text.

        Raises:
            PolicyError: when it is something else, or absent and there is no default.
        """
        value = self._table.get(key, default)
        if value is None:
            raise self.error(key, "missing; this format cannot be read without it")
        if not isinstance(value, str) or (not value.strip() and value != default):
            raise self.error(key, f"expected a text, got {value!r}")
        return value.strip()

    def get(self, key: str) -> Any:
        """The value as it stands in the policy, ``None`` when absent."""
        return self._table.get(key)
