"""Every input of the wire contracts, version 1. Field for field the structs of ``detectors.events``."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from streams.aor import canonical_aor
from streams.contracts.types import (
    ID_MAX,
    Action,
    AnyTree,
    Count,
    Day,
    Direction,
    Id,
    Input,
    MonthDay,
    Name,
    Offer,
    Phase,
    PhoneId,
    PhoneText,
    Port,
    Positive,
    Restriction,
    Time,
    Tree,
    Version,
    Zone,
)
from streams.times import parse_time


class Common(Input):
    """What all events share; null and absent are the same for ``pbx``, ``tenant`` and ``licence``."""

    v: Version = 1
    id: Id
    time: Time
    pbx: str | None = None
    tenant: str | None = None
    licence: str | None = None


def _known_scope(schema: dict[str, Any]) -> None:
    schema["anyOf"] = [{"required": ["aor"]}, {"required": ["tenant", "licence"]}]


class Usage(Common):
    """What a line did; ingest finds tenant and licence by ``aor`` when they are not given."""

    model_config = ConfigDict(json_schema_extra=_known_scope)

    aor: str | None = None

    @model_validator(mode="after")
    def _scope_is_known(self) -> Self:
        if not canonical_aor(self.aor or "") and not (self.tenant and self.licence):
            raise ValueError("aor: needed, because tenant and licence are not both given")
        return self


class Registration(Usage):
    """A REGISTER as the PBX judged it (RFC 3261 §10). A first 401 challenge is not a failure."""

    kind: Literal["registration"]
    action: Action
    device: PhoneText = None
    contact: PhoneText = None
    user_agent: PhoneText = None
    source_ip: str | None = None
    source_port: Port | None = None
    transport: str | None = None
    expires_s: Count | None = None
    status: Count | None = None
    access_network: PhoneText = None
    count: Positive = 1
    until: Time | None = None
    refused_by: str | None = None


class Call(Usage):
    """One step of a call's leg, or the whole leg (``cdr``)."""

    kind: Literal["call"]
    phase: Phase
    call_id: PhoneId
    leg_id: str | None = None
    linked_id: str | None = None
    direction: Direction
    callee_aor: str | None = None
    callee_licence: str | None = None
    answered_by: str | None = None
    caller: PhoneText = None
    callee: str | None = None
    callee_e164: str | None = None
    presented: PhoneText = None
    started_at: Time | None = None
    answered_at: Time | None = None
    ended_at: Time | None = None
    status: Count | None = None
    cause: Count | None = None
    ended_by: Literal["caller", "callee", "network", "proxy"] | None = None
    device: PhoneText = None
    contact: PhoneText = None
    user_agent: PhoneText = None
    source_ip: str | None = None
    access_network: PhoneText = None
    answered_device: PhoneText = None
    answered_contact: PhoneText = None
    answered_user_agent: PhoneText = None
    answered_ip: str | None = None
    media: Literal["audio", "video", "fax", "modem"] = "audio"
    diverted_by: str | None = None
    emergency: bool = False
    in_plan: bool | None = None
    refused_by: str | None = None


class Message(Usage):
    """A text or fax message sent by a licence."""

    kind: Literal["message"]
    caller: PhoneText = None
    callee: str | None = None
    media: Literal["text", "fax"] = "text"
    pages: Count | None = None
    size: Count | None = None
    refused_by: str | None = None


class Site(Input):
    """A customer's site and its networks (CIDR)."""

    id: str
    networks: list[str] = []


class Tenant(Common):
    """Account facts of a customer."""

    kind: Literal["tenant"]
    tenant: Name
    name: str = ""
    offer: Offer | None = None
    softphones_billed: Count | None = None
    billing_day: MonthDay = 1
    time_zone: Zone = "Europe/Paris"
    home_countries: list[str] | None = None
    calling_code: Positive = 33
    outside_prefix: str | None = None
    extension_lengths: list[Count] = []
    short_codes: dict[str, str] = {}
    call_centre_declared: bool = False
    sites: list[Site] = []
    approved_user_agents: list[str] = []
    monthly_fee_cents: Count = 0
    policy: Tree = {}
    counting_pbx: str | None = None
    effective_from: Time | None = None


class Licence(Common):
    """Account facts of one licence."""

    kind: Literal["licence"]
    tenant: Name
    licence: Name
    type: Literal["softphone", "desk_phone", "fax", "trunk", "group"] = "softphone"
    aors: list[str] = []
    numbers: list[str] = []
    site: str | None = None
    channels: Positive = 1
    forward_targets: list[str] = []
    user: str | None = None
    offer: Offer | None = None
    home_countries: list[str] | None = None
    pbxes: list[str] = []
    active: bool = True
    effective_from: Time | None = None


class Exemption(Common):
    """A dated permission for a tenant, or for one of its licences."""

    kind: Literal["exemption"]
    tenant: Name
    exemption_id: Id
    rules: list[str]
    from_: Time = Field(alias="from")
    to: Time
    author: str = ""
    second: str | None = None
    reason: str = ""
    revoked: bool = False

    @model_validator(mode="after")
    def _ends_after_its_start(self) -> Self:
        if parse_time(self.to) <= parse_time(self.from_):
            raise ValueError("to: must be later than from")
        return self


class Review(Common):
    """A person's verdict on an alert, and the action they chose."""

    kind: Literal["review"]
    tenant: Name
    review_id: Id
    alert_id: Id
    verdict: Literal["breach", "no_breach", "inconclusive"]
    action: Literal["none", "watch", "warn", "restrict", "suspend", "lift"] = "none"
    restrictions: list[Restriction] = []
    prefixes: list[str] = []
    until: Time | None = None
    seen_update: Count = 0
    seen_sequence: Count = 0
    reviewer: str = ""
    second_review_id: Id | None = None
    reason: str = ""
    note: str = ""


class Policy(Common):
    """A policy that replaces the one in force from its place in the log."""

    kind: Literal["policy"]
    name: str = ""
    body: Tree = {}
    author: str = ""


class Model(Common):
    """A model becomes champion or challenger, or is retired."""

    kind: Literal["model"]
    name: str = ""
    version: str = ""
    role: Literal["champion", "challenger", "none"] = "champion"
    threshold: float | None = None


class Reference(Common):
    """Reference data (public holidays, public lines) that takes effect at its place in the log."""

    kind: Literal["reference"]
    name: str
    sha256: str = ""
    effective_from: Time | None = None
    body: AnyTree = None
    path: str | None = None


class Score(Common):
    """A model's opinion of one licence-day, written by the scorer."""

    kind: Literal["score"]
    tenant: Name
    licence: Name
    day: Day
    model: str = ""
    model_version: str = ""
    role: Literal["champion", "challenger"] = "champion"
    features_hash: str = ""
    score: float = Field(default=0.0, ge=0, le=1)
    reasons: list[str] = []


class Erase(Common):
    """Forget everything about a licence, or about a whole tenant when ``licence`` is empty."""

    kind: Literal["erase"]
    tenant: Name
    reason: str = ""
    author: str = ""


class Tick(Common):
    """Event-time heartbeat on the 60 s grid."""

    kind: Literal["tick"]
    id: Annotated[str, Field(max_length=ID_MAX)] = ""


class Bridge(Common):
    """An operator's command to the bridge of one PBX; bridges read it, detection never sees it."""

    kind: Literal["bridge"]
    pbx: Name
    action: Literal["pause", "resume", "flush"]
    author: str = ""
    reason: str = ""


class LogHeader(Input):
    """First line of an exported log, which is applied in file order with the stamps it recorded."""

    kind: Literal["log"]
    v: Version = 1
    partition: Count | None = None
    offset: Count | None = None
    version: str = ""


INPUTS: dict[str, type[Input]] = {
    "registration": Registration,
    "call": Call,
    "message": Message,
    "tenant": Tenant,
    "licence": Licence,
    "exemption": Exemption,
    "review": Review,
    "policy": Policy,
    "model": Model,
    "reference": Reference,
    "score": Score,
    "erase": Erase,
    "tick": Tick,
    "bridge": Bridge,
    "log": LogHeader,
}
