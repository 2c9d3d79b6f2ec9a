"""State of a partition: one value per licence, one per tenant, one of its own; each small, typed, and bytes on demand.

The bytes of a value begin with a header (version, next deadline), so timers are rebuilt without decoding everything.
Older versions are upgraded on reading (golden files keep every past one); a newer one is refused, never guessed at.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import msgspec

from detectors.alert_state import OpenAlert, Standing
from detectors.calls import Calls
from detectors.champions import Roles, Scored
from detectors.errors import StateError
from detectors.events import Exemption, Licence, Reference, Tenant
from detectors.location.evidence import Days, Egress
from detectors.metering import Ledger

VERSION = 2
NEVER = 1 << 62
#: Names of the evaluator's own timers, beside those of rules.
DAY_TIMER, FACT_TIMER, REVIEW_TIMER = "day", "fact", "review"


class Mark(msgspec.Struct, array_like=True):
    """A decisive event remembered for alerts: at most the last 50 outgoing calls of the last day (see ``marks``)."""

    time: int
    kind: str
    number: str
    country: str
    network: str
    src: str
    line: int


class LicenceState(msgspec.Struct, array_like=True):
    """All that is known of one licence.

    ``timers`` maps a name (``day``, a rule, ``review``) to its deadline. ``rules`` holds each rule's own state. ``hidden``
    counts findings that an exemption hid, per rule. ``aor`` is the last one seen while no fact is known. ``seen`` says what
    the sources delivered (bits of ``coverage``). ``called`` counts calls by day until it closes. ``closing`` is the day
    that closes next (-1: none), ``closed`` the last one. ``scores`` holds the last one of each model's champion.
    ``ledger`` holds the calls that were metered, None until there is one.
    """

    tenant: str
    licence: str
    fact: Licence | None = None
    coming: list[Licence] = []
    first_seen: int = 0
    last_day: int = -1
    closing: int = -1
    closed: int = -1
    seen: int = 0
    days: Days = msgspec.field(default_factory=Days)
    calls: Calls = msgspec.field(default_factory=Calls)
    marks: list[Mark] = []
    rules: dict[str, Any] = {}
    alerts: dict[str, OpenAlert] = {}
    standing: Standing = msgspec.field(default_factory=Standing)
    timers: dict[str, int] = {}
    desk_first: int = 0
    desk_last: int = 0
    hidden: dict[str, int] = {}
    aor: str = ""
    scores: dict[str, Scored] = {}
    plan: Any = None
    ledger: Ledger | None = None
    called: dict[int, int] = {}


class TenantState(msgspec.Struct, array_like=True):
    """All that is known of one tenant.

    ``licences`` maps each licence to its type, ``""`` when no fact is known, and ``-type`` when it is not active.
    ``automatic`` holds the times of the last automatic suspensions (breaker). ``numbers`` maps the last nine digits of each number
    of the tenant (``significant``) to the licence that has it.
    """

    tenant: str
    fact: Tenant | None = None
    coming: list[Tenant] = []
    history: list[Tenant] = []
    licences: dict[str, str] = {}
    exemptions: dict[str, Exemption] = {}
    egress: Egress = msgspec.field(default_factory=Egress)
    rules: dict[str, Any] = {}
    alerts: dict[str, OpenAlert] = {}
    automatic: list[int] = []
    breaker_since: int | None = None
    hidden: dict[str, int] = {}
    timers: dict[str, int] = {}
    plan: Any = None
    numbers: dict[int, str] = {}


class PartitionState(msgspec.Struct, array_like=True):
    """What belongs to no tenant: policy, reference data, models, the table of repeats, counts, the clock of the log.

    ``repeats`` maps an hour of event time to {key: [digest, source, line]}; ``audited`` the last closed days to how many
    licence-days could be drawn for an audit and how many were; ``erased`` the epoch of each erased licence that had been restricted,
    by the digest of its scope: nothing else of it is left, and a bridge would take its next decision for a stale one.
    """

    number: int = 0
    now: int = 0
    policy: dict[str, Any] = {}
    references: dict[str, Any] = {}
    models: dict[str, Roles] = {}
    coming: list[Reference] = []
    repeats: dict[int, dict[int, tuple[int, str, int]]] = {}
    accepted: int = 0
    counts: dict[str, int] = {}
    audited: dict[int, tuple[int, int]] = {}
    erased: dict[int, int] = {}


class Header(msgspec.Struct, array_like=True):
    """The part of every value that can be read alone."""

    version: int
    deadline: int


_TYPES = {"l": LicenceState, "t": TenantState, "p": PartitionState}
_encode = msgspec.msgpack.Encoder().encode
_decoders = {kind: msgspec.msgpack.Decoder(tuple[Header, type_]) for kind, type_ in _TYPES.items()}  # type: ignore[valid-type]
_header = msgspec.msgpack.Decoder(tuple[Header, msgspec.Raw])


def encode(state: LicenceState | TenantState | PartitionState) -> bytes:
    """A value as bytes, header first. What is rebuilt on reading is not written: ``plan``, and rules that remember nothing yet.

    Of 18 rules a quiet licence stirs five: leaving the others out saves 150 bytes of 1,200.
    """
    if isinstance(state, PartitionState):
        return _encode((Header(VERSION, NEVER), state))
    plan, rules = state.plan, state.rules
    state.plan, state.rules = None, {rule: rules[rule] for rule in sorted(rules) if rules[rule] != _untouched(rules[rule].__class__)}
    try:
        return _encode((Header(VERSION, min(state.timers.values(), default=NEVER)), state))
    finally:
        state.plan, state.rules = plan, rules


@cache
def _untouched(kind: type[Any]) -> Any:
    """A rule's state as it begins; a state that was not typed yet since it was read is a list, and is written as it is."""
    return None if kind is list else kind()


def decode(kind: str, data: bytes) -> Any:
    """The state written by ``encode``; ``kind`` is ``l``, ``t`` or ``p``.

    Raises:
        StateError: damaged bytes, or written by a newer version: install that version, or restore a snapshot it can read.
    """
    try:
        version = _header.decode(data)[0].version
        if version > VERSION:
            raise StateError(f"state of version {version} was written by a newer vigie (this one reads {VERSION}): install that one")
        return _upgraded(kind, version, data) if version < VERSION else _decoders[kind].decode(data)[1]
    except msgspec.MsgspecError as error:
        raise StateError(f"state cannot be read ({error}); restore it from a snapshot") from error


def _upgraded(kind: str, version: int, data: bytes) -> Any:
    """The state that an older version wrote."""
    fields = msgspec.msgpack.decode(_header.decode(data)[1])
    if version < 2:
        # Versions by role, and one score, of models without a name: none was ever promoted.
        name = {"l": "scores", "p": "models"}.get(kind, "")
        place = _TYPES[kind].__struct_fields__.index(name) if name else len(fields)
        if place < len(fields):
            fields[place] = {}
    return msgspec.convert(fields, _TYPES[kind])


def deadline(data: bytes) -> int:
    """The next deadline in a value's header, without decoding the rest."""
    return _header.decode(data)[0].deadline
