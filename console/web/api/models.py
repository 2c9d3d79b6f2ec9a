"""What the API gives out; OpenAPI is made from these. Times are texts in UTC, money is integer cents."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from console.db import tables
from streams.times import format_time


def _time(at: int | None) -> str | None:
    return None if at is None else format_time(at)


class Seen(BaseModel):
    """What a review of an alert names, so that it is refused when something newer stands."""

    update: int
    epoch: int
    sequence: int


class Alert(BaseModel):
    """An alert: what detection said last, and where its review stands."""

    alert_id: str
    tenant: str
    licence: str | None
    rule: str
    clause: str
    level: str
    mode: str
    state: str
    update: int
    measured: int
    limit: int
    unit: str
    summary: str
    crossed_at: str
    issued_at: str
    received_at: str
    money_at_risk_cents: int
    money_if_wrong_cents: int
    expected_loss_cents: int
    status: str
    verdict: str | None
    due_at: str
    decided_at: str | None
    superseded_by: str | None
    policy_version: str
    statement: dict[str, Any] | None = Field(None, description="The alert as the contracts have it; of one alert alone.")
    seen: Seen | None = Field(None, description="What a review has to name; of one alert alone.")

    @classmethod
    def of(cls, row: tables.Alert, whole: bool = False, stands: tuple[int, int] = (0, 0)) -> Alert:
        """From its row; ``whole`` adds the statement, and where the record of its licence ``stands``."""
        names = "alert_id tenant licence rule clause level mode state update measured limit unit summary money_at_risk_cents"
        more = "money_if_wrong_cents expected_loss_cents status verdict superseded_by policy_version"
        times = {name: _time(getattr(row, name)) for name in ("crossed_at", "issued_at", "received_at", "due_at", "decided_at")}
        plain = {name: getattr(row, name) for name in f"{names} {more}".split()}
        seen = Seen(update=row.update, epoch=stands[0], sequence=stands[1]) if whole else None
        return cls.model_validate({**plain, **times, "statement": row.statement if whole else None, "seen": seen})


class Decision(BaseModel):
    """A person's judgement; rows are never changed: an undo is a row that names the one it cancels."""

    decision_id: str
    alert_id: str
    reviewer: str
    at: str
    part: str
    second_of: str | None
    undoes: str | None
    verdict: str
    action: str
    restrictions: list[str]
    prefixes: list[str]
    until: str | None
    reason: str
    blind: bool
    weak: bool
    seen_update: int

    @classmethod
    def of(cls, row: tables.Decision, reviewer: str) -> Decision:
        """From its row and the person's login."""
        names = "decision_id alert_id part second_of undoes verdict action restrictions prefixes reason blind weak seen_update"
        plain = {name: getattr(row, name) for name in names.split()}
        return cls.model_validate({**plain, "reviewer": reviewer, "at": _time(row.at), "until": _time(row.until)})


class Review(BaseModel):
    """What a decision sends to detection, and whether it has left."""

    number: int
    decision_id: str | None
    state: str = Field(description="waiting, sent or cancelled")
    not_before: str
    sent_at: str | None
    body: dict[str, Any] = Field(description="The event as the contracts have it.")

    @classmethod
    def of(cls, row: tables.Outbox) -> Review:
        """From its row in the outbox."""
        state = "cancelled" if row.cancelled_at is not None else "waiting" if row.sent_at is None else "sent"
        times = {"not_before": _time(row.not_before), "sent_at": _time(row.sent_at)}
        return cls.model_validate({"number": row.outbox_id, "decision_id": row.decision_id, "state": state, "body": row.body, **times})


class Exemption(BaseModel):
    """What rules leave alone for a while."""

    exemption_id: str
    tenant: str
    licence: str | None
    rules: list[str]
    from_at: str
    to_at: str
    author: str
    second: str | None
    reason: str
    created_at: str
    revoked_at: str | None

    @classmethod
    def of(cls, row: tables.Exemption) -> Exemption:
        """From its row."""
        plain = {name: getattr(row, name) for name in ["exemption_id", "tenant", "licence", "rules", "author", "second", "reason"]}
        times = {name: _time(getattr(row, name)) for name in ("from_at", "to_at", "created_at", "revoked_at")}
        return cls.model_validate({**plain, **times})


class Receipt(BaseModel):
    """What a telephone system did with a decision."""

    number: int
    decision_id: str
    pbx: str
    tenant: str
    licence: str
    epoch: int
    sequence: int
    status: str
    applied_at: str
    received_at: str
    calls_ended: int
    contacts_removed: int
    detail: str

    @classmethod
    def of(cls, row: tables.Receipt) -> Receipt:
        """From its row."""
        names = "decision_id pbx tenant licence epoch sequence status calls_ended contacts_removed detail"
        plain = {name: getattr(row, name) for name in names.split()}
        times = {"applied_at": _time(row.applied_at), "received_at": _time(row.received_at)}
        return cls.model_validate({"number": row.receipt_id, **plain, **times})


class Alerts(BaseModel):
    """Some alerts; ``next`` asks for what follows them, and is null at the end."""

    items: list[Alert]
    next: str | None


class Decisions(BaseModel):
    """Some decisions."""

    items: list[Decision]
    next: str | None


class Reviews(BaseModel):
    """Some reviews."""

    items: list[Review]
    next: str | None


class Exemptions(BaseModel):
    """Some exemptions."""

    items: list[Exemption]
    next: str | None


class Receipts(BaseModel):
    """Some receipts."""

    items: list[Receipt]
    next: str | None
