"""What the core says: the outputs of ``contracts.md`` as structs whose JSON has the contract's key order.

Times are integer milliseconds here; ``streams.writing`` prints them as RFC 3339 with ``Z``.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

Level = Literal["notice", "breach", "audit"]
Mode = Literal["shadow", "review", "auto"]
#: Modes in the order of what they may do.
MODES = {"shadow": 0, "review": 1, "auto": 2}
Cover = Literal["full", "partial", "none"]


class Window(msgspec.Struct, frozen=True):
    """A span of event time, [from, to] in milliseconds."""

    from_: int = msgspec.field(name="from")
    to: int


class Evidence(msgspec.Struct, frozen=True):
    """One decisive event, frozen. ``number`` hides its last four digits; ``hash`` is keyed by the policy's salt."""

    time: int
    kind: str
    country: str = ""
    network: str = ""
    number: str = ""
    src: str = ""
    line: int = 0
    hash: str = ""


class Coverage(msgspec.Struct, frozen=True):
    """What the sources of this licence could show at all; silence is never called clean."""

    location: Cover = "full"
    devices: Cover = "full"
    calls: Cover = "full"
    notes: tuple[str, ...] = ()


class Alert(msgspec.Struct, tag_field="kind", tag="alert", kw_only=True):
    """One statement of an alert (``update`` counts them). See ``contracts.md``."""

    v: int = 1
    alert_id: str
    state: Literal["open", "withdrawn", "closed"]
    update: int
    rule: str
    clause: str
    level: Level
    propensity: float | None = None
    tenant: str
    licence: str | None
    mode: Mode
    origin: Literal["live", "bootstrap"] = "live"
    measured: int
    limit: int
    unit: str
    window: Window
    crossed_at: int
    issued_at: int
    summary: str
    facts: dict[str, Any]
    evidence: tuple[Evidence, ...] = ()
    evidence_more: int = 0
    against: tuple[str, ...] = ()
    coverage: Coverage = Coverage()
    supersedes: tuple[str, ...] = ()
    money_at_risk_cents: int = 0
    money_if_wrong_cents: int = 0
    score: float | None = None
    policy_version: str = ""
    model_version: str | None = None


class Cause(msgspec.Struct, frozen=True, kw_only=True):
    """Why a licence is restricted; no cause left means lifted."""

    alert_id: str
    rule: str
    clause: str
    restrictions: tuple[str, ...]
    mode: Literal["auto", "review"]
    decided_by: str
    measured: int
    limit: int
    review_by: int | None = None
    until: int | None = None
    prefixes: tuple[str, ...] = ()


class Suspension(msgspec.Struct, tag_field="kind", tag="suspension", kw_only=True):
    """The full current record of what is restricted on a licence. ``emergency_allowed`` has one value only."""

    v: int = 1
    epoch: int
    sequence: int
    decision_id: str
    state: Literal["active", "lifted"]
    tenant: str
    licence: str
    aors: tuple[str, ...]
    aors_removed: tuple[str, ...] = ()
    restrictions: tuple[str, ...]
    prefixes: tuple[str, ...] = ()
    emergency_allowed: Literal[True] = True
    causes: tuple[Cause, ...]
    home_prefixes: tuple[str, ...]
    allowed_numbers: tuple[str, ...] = ()
    customer_code: str
    issued_at: int
    policy_version: str


class Metering(msgspec.Struct, tag_field="kind", tag="metering", kw_only=True):
    """One second range of a call that may be billed off-plan; never two for one second."""

    v: int = 1
    metering_id: str
    state: Literal["active", "void"]
    alert_id: str
    rules: tuple[str, ...]
    tenant: str
    licence: str
    pbx: str
    call_id: str
    from_: int = msgspec.field(name="from")
    to: int
    seconds: int
    billing_month: str


class Breaker(msgspec.Struct, tag_field="kind", tag="breaker", kw_only=True):
    """The circuit breaker of a tenant opened or closed."""

    v: int = 1
    tenant: str
    state: Literal["open", "closed"]
    count: int
    limit: int
    since: int


class Features(msgspec.Struct, tag_field="kind", tag="features", kw_only=True):
    """Feature values of one licence-day that closed at ``closed_at``, in the order of ``models.features``."""

    v: int = 1
    tenant: str
    licence: str
    day: str
    closed_at: int = 0
    schema_hash: str
    values: tuple[float, ...]


class DeadLetter(msgspec.Struct, tag_field="kind", tag="dead_letter", kw_only=True):
    """A record that was refused, with its coordinates and the reason; the bytes themselves are added by the host."""

    v: int = 1
    src: str
    line: int
    error: str
    message: str
    raw: str | None = None


Output = Alert | Suspension | Metering | Breaker | Features | DeadLetter
