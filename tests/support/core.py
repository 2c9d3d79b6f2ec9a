"""Builders for tests of the core: events in words of the specification, and a bench that feeds them in the log's order."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import count
from typing import Any
from zoneinfo import ZoneInfo

from detectors import snapshot
from detectors.digest import digest64
from detectors.events import (
    Call,
    Dest,
    Event,
    Exemption,
    Licence,
    Loc,
    Message,
    ModelEvent,
    PolicyEvent,
    Registration,
    Review,
    Score,
    Tenant,
    rank,
)  # fmt: skip
from detectors.outputs import Alert, Breaker, DeadLetter, Output, Suspension
from detectors.step import Partition

PARIS = ZoneInfo("Europe/Paris")
_ids = count(1)

#: Networks of the examples: a home line, a home mobile network, and two networks abroad.
HOME, GENEVA, NEW_YORK = "192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24"


def ms(when: str | int | datetime) -> int:
    """Milliseconds of ``2026-03-02 08:00`` (Paris time), of a text with an offset, or of a number taken as it is."""
    if isinstance(when, int):
        return when
    at = datetime.fromisoformat(when) if isinstance(when, str) else when
    return round((at if at.tzinfo else at.replace(tzinfo=PARIS)).timestamp() * 1000)


def when(at: int) -> str:
    """An instant as Paris wall time, for messages of failed assertions."""
    return datetime.fromtimestamp(at / 1000, UTC).astimezone(PARIS).isoformat()


def loc(country: str = "FR", cls: str = "access", network: str = "", agree: bool = False) -> Loc:
    """A stamped location; the network defaults to one per country."""
    return Loc(country=country, cls=cls, built="2026-06-01", agree=agree, network=network or f"10.{digest64(country) % 250}.0.0/24")


def dest(number: str, cls: str = "mobile", rate: int = 5_000) -> Dest:
    """A stamped destination."""
    return Dest(e164=number, cls=cls, rate=rate)


def _common(at: str | int, licence: str, tenant: str, pbx: str, id_: str | None) -> dict[str, Any]:
    return {
        "id": id_ or f"e{next(_ids)}",
        "time": ms(at),
        "pbx": pbx,
        "tenant": tenant,
        "licence": licence,
        "src": "test.jsonl",
        "line": next(_ids),
    }


def reg(
    at: str | int, country: str = "FR", *, licence: str = "101", tenant: str = "acme", device: str | None = "phone", cls: str = "access",
    network: str = "", action: str = "refresh", agent: str = "Linphone-Desktop/5.2.6", expires_s: int = 3600, pbx: str = "pbx-1",
    id_: str | None = None, ip: str | None = "192.0.2.10", place: Loc | None = None, agree: bool = False,
) -> Registration:  # fmt: skip
    """A registration seen from ``country``."""
    return Registration(
        **_common(at, licence, tenant, pbx, id_), action=action, aor=f"{licence}@{tenant}.example", device=device,  # type: ignore[arg-type]
        contact=f"sip:{licence}@192.0.2.1", user_agent=agent, source_ip=ip, source_port=5060, transport="udp", expires_s=expires_s,
        loc=place or loc(country, cls, network, agree),
    )  # fmt: skip


def call(
    at: str | int, talk_s: float | None = 60, *, ring_s: float = 5, to: str = "+33612345678", to_cls: str = "mobile", rate: int = 5_000,
    country: str = "FR", licence: str = "101", tenant: str = "acme", device: str | None = "phone", cls: str = "access", network: str = "",
    direction: str = "outbound", phases: bool = False, ended_by: str | None = None, status: int | None = None, pbx: str = "pbx-1",
    call_id: str | None = None, leg_id: str = "1", linked_id: str | None = None, agree: bool = False, place: Loc | None = None,
    no_place: bool = False, agent: str = "Linphone-Desktop/5.2.6", **more: Any,
) -> list[Call]:  # fmt: skip
    """A call that rings ``ring_s`` and talks ``talk_s`` (None: nobody answers), as one CDR or as its phases."""
    start = ms(at)
    answer = None if talk_s is None else start + round(ring_s * 1000)
    end = (start + round(ring_s * 1000)) if answer is None else answer + round((talk_s or 0) * 1000)
    own = None if no_place else place or loc(country, cls, network, agree)
    outgoing = direction != "inbound"
    base: dict[str, Any] = {
        "call_id": call_id or f"c{next(_ids)}", "leg_id": leg_id, "linked_id": linked_id, "direction": direction,
        "aor": f"{licence}@{tenant}.example", "callee": to, "dest": Dest(e164=to, cls=to_cls, rate=rate), **more,
    }  # fmt: skip
    if outgoing:
        base |= {"device": device, "user_agent": agent, "contact": f"sip:{licence}@192.0.2.1", "loc": own}
    else:
        base |= {
            "answered_device": device,
            "answered_user_agent": agent,
            "answered_contact": f"sip:{licence}@192.0.2.1",
            "answered_loc": own,
        }
    finish: dict[str, Any] = {"ended_at": end, "status": status or (200 if answer else 487)}
    finish["ended_by"] = ended_by or ("caller" if answer else None)
    if not phases:
        whole = {"started_at": start, "answered_at": answer, **finish}
        return [Call(**_common(end, licence, tenant, pbx, None), phase="cdr", **base, **whole)]
    steps = [Call(**_common(start, licence, tenant, pbx, None), phase="attempt", **base)]
    if answer is not None:
        steps.append(Call(**_common(answer, licence, tenant, pbx, None), phase="answer", **base, started_at=start, answered_at=answer))
    steps.append(Call(**_common(end, licence, tenant, pbx, None), phase="end", **base, started_at=start, answered_at=answer, **finish))
    return steps


def message(
    at: str | int, to: str = "+33612345678", *, to_cls: str = "mobile", licence: str = "101", tenant: str = "acme", media: str = "text",
    pages: int | None = None, pbx: str = "pbx-1", id_: str | None = None, **more: Any,
) -> Message:  # fmt: skip
    """A message of a licence."""
    given: dict[str, Any] = {"aor": f"{licence}@{tenant}.example", "callee": to, "dest": Dest(e164=to, cls=to_cls), **more}
    return Message(**_common(at, licence, tenant, pbx, id_), media=media, pages=pages, **given)  # type: ignore[arg-type]


def tenant_fact(at: str | int = "2024-01-01", tenant: str = "acme", **fields: Any) -> Tenant:
    """Account facts of a customer."""
    given: dict[str, Any] = {"name": tenant, "offer": "unlimited", "softphones_billed": 10, "monthly_fee_cents": 20_000} | fields
    return Tenant(**_common(at, "", tenant, "", None), **given)


def licence_fact(at: str | int = "2024-01-01", licence: str = "101", tenant: str = "acme", **fields: Any) -> Licence:
    """Account facts of a licence."""
    given: dict[str, Any] = {"type": "softphone", "aors": (f"{licence}@{tenant}.example",), "active": True} | fields
    return Licence(**_common(at, licence, tenant, "", None), **given)


def exemption(at: str | int, rules: tuple[str, ...], start: str, end: str, licence: str = "", **fields: Any) -> Exemption:
    """A dated permission."""
    common = _common(at, licence, fields.pop("tenant", "acme"), "", None)
    name = fields.pop("exemption_id", "x1")
    return Exemption(**common, exemption_id=name, rules=rules, from_=ms(start), to=ms(end), author="lea", **fields)


def review(at: str | int, alert: Alert, verdict: str, action: str = "none", *, sequence: int = 0, **fields: Any) -> Review:
    """A person's verdict on an alert as last stated."""
    common = _common(at, alert.licence or "", alert.tenant, "", None)
    return Review(
        **common, review_id=f"r{next(_ids)}", alert_id=alert.alert_id, verdict=verdict, action=action, seen_update=alert.update,  # type: ignore[arg-type]
        seen_sequence=sequence, reviewer=fields.pop("reviewer", "lea"), **fields,
    )  # fmt: skip


def model(at: str | int, version: str, name: str = "anomaly", role: str = "champion", threshold: float | None = None) -> ModelEvent:
    """A version of a model becomes champion or challenger, or is retired."""
    return ModelEvent(**_common(at, "", "", "", None), name=name, version=version, role=role, threshold=threshold)  # type: ignore[arg-type]


def score(
    at: str | int, value: float, day: str, version: str, name: str = "anomaly", role: str = "champion", *, licence: str = "101",
    tenant: str = "acme", reasons: tuple[str, ...] = (),
) -> Score:  # fmt: skip
    """A model's opinion of a licence-day."""
    common = _common(at, licence, tenant, "", None)
    return Score(**common, day=day, model=name, model_version=version, role=role, score=value, reasons=reasons)  # type: ignore[arg-type]


class Bench:
    """A partition that is fed in the total order, and remembers what was said.

    Args:
        policy: a policy body; ``rules`` given as ``{"autodial": {"mode": "auto"}}`` may be passed alone.
        facts: account facts before everything; by default a tenant ``acme`` with ten billed softphones and the licence ``101``.
    """

    def __init__(
        self, policy: dict[str, Any] | None = None, facts: list[Event] | None = None, restart_every: int = 0, detectors: Any = None
    ) -> None:
        self.partition = Partition(0, detectors)
        self.detectors = detectors
        self.said: list[Output] = []
        self.restart_every, self.fed = restart_every, 0
        body = policy or {}
        if body and not set(body) & {"rules", "general", "offers", "tenants"}:
            body = {"rules": body}
        # Days drawn by lot have tests of their own; here they would speak into every test of silence.
        body = {**body, "general": {"audit_per_thousand": 0, **body.get("general", {})}}
        self.feed(PolicyEvent(id="policy", time=0, body=body))
        self.feed(*(facts if facts is not None else [tenant_fact(), licence_fact()]))

    def feed(self, *events: Event | list[Any]) -> Bench:
        """Judge events (lists are flattened) after sorting them into the total order."""
        flat: list[Event] = []
        for event in events:
            flat.extend(event if isinstance(event, list) else [event])
        for event in sorted(flat, key=lambda e: (e.time, rank(e), e.pbx, e.id)):
            self.said.extend(self.partition.step(event))
            self.fed += 1
            if self.restart_every and self.fed % self.restart_every == 0:
                self.partition = snapshot.restore(snapshot.take(self.partition), self.detectors)
        return self

    def until(self, when: str | int) -> Bench:
        """Fire the timers due up to an instant."""
        self.said.extend(self.partition.finish(ms(when)))
        return self

    def alerts(self, rule: str | None = None, level: str | None = None, licence: str | None = None) -> list[Alert]:
        """Statements of alerts, in order."""
        return [
            o for o in self.said
            if isinstance(o, Alert) and rule in (None, o.rule) and level in (None, o.level) and (licence is None or o.licence == licence)
        ]  # fmt: skip

    def suspensions(self, licence: str | None = None) -> list[Suspension]:
        """Published records of restrictions, in order."""
        return [o for o in self.said if isinstance(o, Suspension) and (licence is None or o.licence == licence)]

    def breakers(self) -> list[Breaker]:
        """What the circuit breaker said."""
        return [o for o in self.said if isinstance(o, Breaker)]

    def dead_letters(self) -> list[DeadLetter]:
        """What detection refused."""
        return [o for o in self.said if isinstance(o, DeadLetter)]
