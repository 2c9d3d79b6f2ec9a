"""Every output of the wire contracts, version 1. Field for field the structs of ``detectors.outputs``."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from streams.contracts.types import Restriction, Version, Written, WrittenDay, WrittenTime

Cover = Literal["full", "partial", "none"]


class Window(Written):
    """A span of event time."""

    from_: WrittenTime = Field(alias="from")
    to: WrittenTime


class Evidence(Written):
    """One decisive event, frozen; ``number`` hides its last four digits."""

    time: WrittenTime
    kind: str
    country: str
    network: str
    number: str
    src: str
    line: int
    hash: str


class Coverage(Written):
    """What the sources of this licence could show at all."""

    location: Cover
    devices: Cover
    calls: Cover
    notes: list[str]


class Alert(Written):
    """One statement of an alert; ``update`` counts them."""

    kind: Literal["alert"]
    v: Version
    alert_id: str
    state: Literal["open", "withdrawn", "closed"]
    update: int
    rule: str
    clause: str
    level: Literal["notice", "breach", "audit"]
    propensity: float | None
    tenant: str
    licence: str | None
    mode: Literal["shadow", "review", "auto"]
    origin: Literal["live", "bootstrap"]
    measured: int
    limit: int
    unit: str
    window: Window
    crossed_at: WrittenTime
    issued_at: WrittenTime
    summary: str
    facts: dict[str, Any]
    evidence: list[Evidence] = Field(max_length=50)
    evidence_more: int
    against: list[str]
    coverage: Coverage
    supersedes: list[str]
    money_at_risk_cents: int
    money_if_wrong_cents: int
    score: float | None
    policy_version: str
    model_version: str | None


class Breaker(Written):
    """The circuit breaker of a tenant opened or closed."""

    kind: Literal["breaker"]
    v: Version
    tenant: str
    state: Literal["open", "closed"]
    count: int
    limit: int
    since: WrittenTime


class Cause(Written):
    """Why a licence is restricted."""

    alert_id: str
    rule: str
    clause: str
    restrictions: list[Restriction]
    mode: Literal["auto", "review"]
    decided_by: str
    measured: int
    limit: int
    review_by: WrittenTime | None
    until: WrittenTime | None
    prefixes: list[str]


class Suspension(Written):
    """The full current record of what is restricted on a licence. Emergency calls are never among it."""

    kind: Literal["suspension"]
    v: Version
    epoch: int = Field(ge=1)
    sequence: int = Field(ge=1)
    decision_id: str
    state: Literal["active", "lifted"]
    tenant: str
    licence: str
    aors: list[str]
    aors_removed: list[str]
    restrictions: list[Restriction]
    prefixes: list[str]
    emergency_allowed: Literal[True]
    causes: list[Cause]
    home_prefixes: list[str]
    allowed_numbers: list[str]
    customer_code: str
    issued_at: WrittenTime
    policy_version: str


class Metering(Written):
    """One second range of a call that may be billed off-plan; never two for one second."""

    kind: Literal["metering"]
    v: Version
    metering_id: str
    state: Literal["active", "void"]
    alert_id: str
    rules: list[str]
    tenant: str
    licence: str
    pbx: str
    call_id: str
    from_: WrittenTime = Field(alias="from")
    to: WrittenTime
    seconds: int = Field(ge=0)
    billing_month: str


class Features(Written):
    """Feature values of one closed licence-day."""

    kind: Literal["features"]
    v: Version
    tenant: str
    licence: str
    day: WrittenDay
    closed_at: WrittenTime
    schema_hash: str
    values: list[float]


class Receipt(Written):
    """What one PBX did with a decision."""

    kind: Literal["receipt"]
    v: Version
    decision_id: str
    epoch: int = Field(ge=1)
    sequence: int = Field(ge=1)
    pbx: str
    status: Literal["applied", "failed", "refused", "stale", "held", "dry_run"]
    applied_at: WrittenTime
    calls_ended: int = Field(ge=0)
    contacts_removed: int = Field(ge=0)
    detail: str


class Heartbeat(Written):
    """State of a PBX's bridge; ``table_hash`` compares its table with what was decided."""

    kind: Literal["heartbeat"]
    v: Version
    pbx: str
    table_size: int = Field(ge=0)
    table_hash: str
    offsets: dict[str, int]
    uptime_s: int = Field(ge=0)
    paused: bool
    paused_by: str | None
    reason: str | None


class DeadLetter(Written):
    """A record that was refused, with its coordinates (file and line, or topic/partition and offset) and the reason."""

    kind: Literal["dead_letter"]
    v: Version
    src: str
    line: int
    error: str
    message: str
    raw: str | None


OUTPUTS: dict[str, type[Written]] = {
    "alert": Alert,
    "breaker": Breaker,
    "suspension": Suspension,
    "metering": Metering,
    "features": Features,
    "receipt": Receipt,
    "heartbeat": Heartbeat,
    "dead_letter": DeadLetter,
}
