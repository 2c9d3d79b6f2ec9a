"""Events as the core sees them: light structs, times in integer milliseconds since 1970 (UTC).

The wire contracts live in ``streams.contracts``; ``streams.wire`` turns a line into one of these structs, and ingest stamps
what the core may not look up itself: the location of an address, the class of a number, source coordinates, digests.
Field names are those of the contracts. A struct's tag is its ``kind``.
"""

from __future__ import annotations

from typing import Any, Literal, get_args

import msgspec

Restriction = Literal["international", "paid", "outgoing", "prefixes", "credentials"]

EMERGENCY = "emergency"
INTERNAL = "internal"
#: Number classes that cost more than a call (contracts: "Surcharged") and those fraud aims at ("high-risk").
SURCHARGED = frozenset({"short_paid", "shared_cost", "premium", "satellite", "intl_premium", "operator_risk"})
HIGH_RISK = frozenset({"satellite", "intl_premium", "operator_risk"})


class Loc(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where an address is, stamped by ingest.

    ``country`` ISO 3166 alpha-2 or ``""``; ``cls`` one of ``access mobile hosting vpn relay private unknown``; ``built`` the
    database's build day (``YYYY-MM-DD``); ``agree`` whether two databases were asked and agreed; ``network`` the /24 or /48.
    """

    country: str = ""
    cls: str = msgspec.field(default="unknown", name="class")
    built: str = ""
    agree: bool = False
    network: str = ""


class Dest(msgspec.Struct, frozen=True, omit_defaults=True):
    """A called number, stamped by ingest.

    ``e164`` with its ``+`` (or the short code as dialled); ``cls`` one of the contract's classes; ``rate`` thousandths of a
    cent per minute; ``setup`` thousandths of a cent per call.
    """

    e164: str = ""
    cls: str = msgspec.field(default="invalid", name="class")
    rate: int = 0
    setup: int = 0


class Event(msgspec.Struct, tag_field="kind", omit_defaults=True, kw_only=True):
    """What all events share.

    ``time`` is when the PBX emitted it. Stamped by ingest: ``src`` and ``line`` (source coordinates: file and line, or
    ``topic/partition`` and offset), ``key`` (64-bit digest of tenant and id), ``digest`` (64-bit digest of the content
    without ``time`` and ``source_port``), ``late_ms`` (watermark minus ``time``; 0 in files).
    """

    v: int = 1
    id: str = ""
    time: int = 0
    pbx: str = ""
    tenant: str = ""
    licence: str = ""
    src: str = ""
    line: int = 0
    key: int = 0
    digest: int = 0
    late_ms: int = 0


class Registration(Event, tag="registration", omit_defaults=True, kw_only=True):
    """A REGISTER as the PBX judged it (RFC 3261 §10)."""

    action: Literal["register", "refresh", "unregister", "expire", "failed", "refused"]
    aor: str = ""
    device: str | None = None
    contact: str | None = None
    user_agent: str | None = None
    source_ip: str | None = None
    source_port: int | None = None
    transport: str | None = None
    expires_s: int | None = None
    status: int | None = None
    access_network: str | None = None
    count: int = 1
    until: int | None = None
    refused_by: str | None = None
    flags: tuple[str, ...] = ()
    loc: Loc | None = None


class Call(Event, tag="call", omit_defaults=True, kw_only=True):
    """One step of a call's leg, or the whole leg (``cdr``)."""

    phase: Literal["attempt", "answer", "end", "cdr"]
    call_id: str
    leg_id: str = ""
    linked_id: str | None = None
    direction: Literal["outbound", "inbound", "internal"]
    aor: str = ""
    callee_aor: str | None = None
    callee_licence: str | None = None
    answered_by: str | None = None
    caller: str | None = None
    callee: str | None = None
    callee_e164: str | None = None
    presented: str | None = None
    started_at: int | None = None
    answered_at: int | None = None
    ended_at: int | None = None
    status: int | None = None
    cause: int | None = None
    ended_by: Literal["caller", "callee", "network", "proxy"] | None = None
    device: str | None = None
    contact: str | None = None
    user_agent: str | None = None
    source_ip: str | None = None
    access_network: str | None = None
    answered_device: str | None = None
    answered_contact: str | None = None
    answered_user_agent: str | None = None
    answered_ip: str | None = None
    media: Literal["audio", "video", "fax", "modem"] = "audio"
    diverted_by: str | None = None
    emergency: bool = False
    in_plan: bool | None = None
    refused_by: str | None = None
    flags: tuple[str, ...] = ()
    loc: Loc | None = None
    answered_loc: Loc | None = None
    dest: Dest | None = None


class Message(Event, tag="message", omit_defaults=True, kw_only=True):
    """A text or fax message sent by a licence."""

    aor: str = ""
    caller: str | None = None
    callee: str | None = None
    media: Literal["text", "fax"] = "text"
    pages: int | None = None
    size: int | None = None
    refused_by: str | None = None
    flags: tuple[str, ...] = ()
    dest: Dest | None = None


class Site(msgspec.Struct, frozen=True, omit_defaults=True):
    """A customer's site and its networks (CIDR)."""

    id: str
    networks: tuple[str, ...] = ()


class Tenant(Event, tag="tenant", omit_defaults=True, kw_only=True):
    """Account facts of a customer."""

    name: str = ""
    offer: Literal["unlimited", "metered"] | None = None
    softphones_billed: int | None = None
    billing_day: int = 1
    time_zone: str = "Europe/Paris"
    home_countries: tuple[str, ...] | None = None
    calling_code: int = 33
    outside_prefix: str | None = None
    extension_lengths: tuple[int, ...] = ()
    short_codes: dict[str, str] = {}
    call_centre_declared: bool = False
    sites: tuple[Site, ...] = ()
    approved_user_agents: tuple[str, ...] = ()
    monthly_fee_cents: int = 0
    policy: dict[str, Any] = {}
    counting_pbx: str | None = None
    effective_from: int | None = None


class Licence(Event, tag="licence", omit_defaults=True, kw_only=True):
    """Account facts of one licence."""

    type: Literal["softphone", "desk_phone", "fax", "trunk", "group"] = "softphone"
    aors: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()
    site: str | None = None
    channels: int = 1
    forward_targets: tuple[str, ...] = ()
    user: str | None = None
    offer: Literal["unlimited", "metered"] | None = None
    home_countries: tuple[str, ...] | None = None
    pbxes: tuple[str, ...] = ()
    active: bool = True
    effective_from: int | None = None


class Exemption(Event, tag="exemption", omit_defaults=True, kw_only=True):
    """A dated permission: the listed rules raise nothing for that scope between ``from_`` and ``to`` (both instants)."""

    exemption_id: str
    rules: tuple[str, ...]
    from_: int = msgspec.field(name="from")
    to: int
    author: str = ""
    second: str | None = None
    reason: str = ""
    revoked: bool = False


class Review(Event, tag="review", omit_defaults=True, kw_only=True):
    """A person's verdict on an alert, and the action they chose."""

    review_id: str
    alert_id: str
    verdict: Literal["breach", "no_breach", "inconclusive"]
    action: Literal["none", "watch", "warn", "restrict", "suspend", "lift"] = "none"
    restrictions: tuple[Restriction, ...] = ()
    prefixes: tuple[str, ...] = ()
    until: int | None = None
    seen_update: int = 0
    seen_sequence: int = 0
    reviewer: str = ""
    second_review_id: str | None = None
    reason: str = ""
    note: str = ""


class PolicyEvent(Event, tag="policy", omit_defaults=True, kw_only=True):
    """A policy that replaces the one in force from its place in the log (``body`` as in the TOML file)."""

    name: str = ""
    body: dict[str, Any] = {}
    author: str = ""


class ModelEvent(Event, tag="model", omit_defaults=True, kw_only=True):
    """A model becomes champion or challenger."""

    name: str = ""
    version: str = ""
    role: Literal["champion", "challenger", "none"] = "champion"
    threshold: float | None = None


class Reference(Event, tag="reference", omit_defaults=True, kw_only=True):
    """Reference data (public holidays, public lines) that takes effect at its place in the log."""

    name: str
    sha256: str = ""
    effective_from: int | None = None
    body: Any = None
    path: str | None = None


class Score(Event, tag="score", omit_defaults=True, kw_only=True):
    """A model's opinion of one licence-day, written by the scorer."""

    day: str = ""
    model: str = ""
    model_version: str = ""
    role: Literal["champion", "challenger"] = "champion"
    features_hash: str = ""
    score: float = 0.0
    reasons: tuple[str, ...] = ()


class Erase(Event, tag="erase", omit_defaults=True, kw_only=True):
    """Forget everything about a licence (or a whole tenant when ``licence`` is empty)."""

    reason: str = ""
    author: str = ""


class Tick(Event, tag="tick", omit_defaults=True, kw_only=True):
    """Event-time heartbeat on the 60 s grid: fires timers, changes nothing else."""


AnyEvent = (
    Registration | Call | Message | Tenant | Licence | Exemption | Review | PolicyEvent | ModelEvent | Reference | Score | Erase | Tick
)

#: Order of events that share a millisecond: what changes judgement comes before what is judged (design: total order).
RANK: dict[str, int] = {
    "policy": 0, "reference": 1, "model": 2, "erase": 2, "tenant": 3, "licence": 4, "exemption": 5, "review": 6, "score": 7,
    "registration": 8, "message": 9, "call": 10, "tick": 14,
}  # fmt: skip
CALL_RANK: dict[str, int] = {"attempt": 10, "answer": 11, "end": 12, "cdr": 13}
_RANK_OF: dict[type[Event], int] = {kind: RANK[str(kind.__struct_config__.tag)] for kind in get_args(AnyEvent)}


def rank(event: Event) -> int:
    """Place of an event among those of the same millisecond.

    >>> rank(Call(phase="end", call_id="c", direction="outbound")) > rank(Tenant(tenant="acme"))
    True
    """
    kind = type(event)
    return CALL_RANK[event.phase] if kind is Call else _RANK_OF[kind]  # type: ignore[attr-defined]
