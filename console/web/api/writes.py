"""What programs may do: judge alerts, grant and revoke exemptions, on behalf of the person who made their token.

The path is that of the pages (``console.review.deciding``): leases, what was seen, second persons and roles hold here as there. Every
request names a key of its own (``Idempotency-Key``); sent again it is answered as the first time, and done once.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from fastapi import Body, Depends, Header, Path, Request
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import delete
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from console import audit
from console.db import tables
from console.people.person import Person, person_of
from console.people.tokens import Program
from console.review import deciding, exempting, leases, notice
from console.review.deciding import Judgement
from console.review.errors import Incomplete, LeaseLost, NotYours, ReviewError
from console.review.messages import UNDO_MS
from console.web.access import Forbidden, house, now, request_id
from console.web.api import models
from console.web.api.problems import documented, problem
from console.web.api.v1 import router, scope
from detectors.registry import installed
from streams.times import format_time, parse_time

#: A program that did not hear the answer asks again within minutes; a week is more than any queue of retries.
KEPT_MS = 7 * 86_400_000
TEXT = 4_000

Key = Annotated[
    str,
    Header(
        alias="Idempotency-Key",
        min_length=8,
        max_length=200,
        pattern="^[!-~]+$",
        description="A key of your own for this request, a UUID for instance. Sent again within a week with the same body, it is"
        " answered as the first time (`Idempotency-Replayed: true`) and done once; with another body it is refused. A refusal uses"
        " no key up.",
        examples=["0c9a1f9e-7d1e-4a3b-9a55-0e4f3c1f7a10"],
    ),
]


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ReviewAsked(_Asked):
    """A judgement. Verdict and action are two fields: a kindly warning is a breach all the same."""

    alert_id: str = Field(max_length=64)
    verdict: Literal["breach", "no_breach", "inconclusive"]
    action: Literal["none", "watch", "warn", "restrict", "suspend", "lift"]
    reason: Literal["clear", "explained", "agreed_use", "weak_evidence", "technical", "as_before", "unclear", "see_note"]
    seen_update: int = Field(ge=0, description="`seen.update` of the alert as it was read: a newer statement refuses this.")
    seen_epoch: int = Field(0, ge=0, description="`seen.epoch` of the alert: a newer restriction refuses this.")
    seen_sequence: int = Field(0, ge=0, description="`seen.sequence` of the alert.")
    restrictions: list[Literal["paid", "international", "prefixes", "outgoing", "credentials"]] = Field(
        [], description="What is closed; empty: what goes with the action. Emergency and internal calls always stay open."
    )
    prefixes: list[Annotated[str, Field(pattern=r"^\+?[0-9]{1,15}$")]] = Field([], max_length=50)
    until: str | None = Field(None, description="RFC 3339 with an offset; null: until a person lifts it.")
    note: str = Field("", max_length=TEXT)


class ExemptionAsked(_Asked):
    """An exemption: it has an end and a reason."""

    tenant: str = Field(min_length=1, max_length=200)
    licence: str | None = Field(None, min_length=1, max_length=200, description="Null: the whole customer.")
    rules: list[str] = Field(min_length=1, max_length=50, description='Rule names, or `["*"]` for all of them.')
    from_at: str | None = Field(None, description="RFC 3339 with an offset; null: now.")
    to_at: str = Field(description="RFC 3339 with an offset, within a year.")
    reason: str = Field(min_length=1, max_length=TEXT)
    alert_id: str | None = Field(None, max_length=64)


class RevocationAsked(_Asked):
    """Why an exemption ends."""

    reason: str = Field(min_length=1, max_length=TEXT)


class Reviewed(BaseModel):
    """A judgement that was taken."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "decision_id": "rv-5d0c1b0e9d3f4a6b8c21",
                "alert_id": "al-6c2f0d6b1f7a4e55",
                "reviewer": "mina",
                "part": "first",
                "needs_second": ["no_automatic_cause"],
                "alert_status": "second",
                "leaves_at": None,
            }
        }
    )

    decision_id: str
    alert_id: str
    reviewer: str
    part: str = Field(description="first, second or lead")
    needs_second: list[str] = Field(description="Why a second person has to judge before anything moves; empty: nobody has to.")
    alert_status: str
    leaves_at: str | None = Field(description="When the review goes to detection; null while it waits for a second person or a lead.")


@dataclass(frozen=True)
class _Write:
    """A request that changes something, in the transaction in which it is done."""

    request: Request
    session: Session
    person: Person
    program: Program
    at: int

    @property
    def files(self) -> bool:
        return house(self.request).settings.data is not None

    def note(self, what: str, subject: str, *, old: Any = None, new: Any = None, why: str = "") -> None:
        """A row of the audit log: the person whose token it is, and the program."""
        by = {"token": self.program.token_id, "program": self.program.name}
        said = {**(new or {}), **by}
        rid = request_id(self.request)
        audit.append(self.session, at=self.at, who=self.person.login, what=what, subject=subject, old=old, new=said, why=why, request=rid)


def _once(request: Request, program: Program, key: str, asked: dict[str, Any], status: int, do: Callable[[_Write], BaseModel]) -> Response:
    """Do what is asked unless it was done under this key, and answer."""
    database, at = house(request).settings.database, now(request)
    content = json.dumps([request.url.path, asked], sort_keys=True, separators=(",", ":"))
    digest = hashlib.sha256(content.encode()).hexdigest()
    insert = postgresql.insert if database.kind == "postgresql" else sqlite.insert
    try:
        with database.writing() as session:
            session.execute(delete(tables.ApiWrite).where(tables.ApiWrite.at < at - KEPT_MS))
            # On PostgreSQL the same key sent twice at once waits here for the other, and then finds what it did.
            mine = insert(tables.ApiWrite).values(token_id=program.token_id, key=key, digest=digest, at=at).on_conflict_do_nothing()
            new = session.execute(mine.returning(tables.ApiWrite.token_id)).first() is not None
            row = session.get_one(tables.ApiWrite, (program.token_id, key))
            if not new:
                if row.digest != digest:
                    return problem(request, 422, "key_reused")
                return JSONResponse(row.answer, row.status or status, {"Idempotency-Replayed": "true"})
            person = person_of(session.get_one(tables.User, program.user_id), "")
            if not person.may("reviewer"):
                raise Forbidden(("reviewer",))
            answer = do(_Write(request, session, person, program, at)).model_dump(mode="json")
            row.status, row.answer = status, answer
        return JSONResponse(answer, status)
    except ReviewError as error:
        kind = 403 if isinstance(error, NotYours) else 422 if isinstance(error, Incomplete) else 409
        return problem(request, kind, error.key)


def _time(text: str) -> int:
    try:
        return parse_time(text)
    except ValueError:
        raise Incomplete("no_time") from None


COMMON = (
    (401, "No token, or one that is over", "not_signed_in"),
    (403, "Not with this token, or not for this person", "scope_missing"),
    (422, "Something is missing or does not fit, or the key was used for something else", "malformed"),
    (429, "Too many requests; `Retry-After` says how long to wait", "too_often"),
)
REVIEW_EXAMPLES: dict[str, Any] = {
    "no breach": {
        "summary": "The customer explained it",
        "value": {
            "alert_id": "al-6c2f0d6b1f7a4e55",
            "verdict": "no_breach",
            "action": "none",
            "reason": "explained",
            "seen_update": 3,
            "note": "their survey, ticket 4711",
        },
    },
    "restrict": {
        "summary": "Close paid numbers and calls abroad until a date; a second person may have to agree",
        "value": {
            "alert_id": "al-6c2f0d6b1f7a4e55",
            "verdict": "breach",
            "action": "restrict",
            "reason": "clear",
            "seen_update": 3,
            "seen_epoch": 1,
            "seen_sequence": 4,
            "restrictions": ["paid", "international"],
            "until": "2026-12-24T23:00:00Z",
        },
    },
}
EXEMPTION_EXAMPLES: dict[str, Any] = {
    "one line": {
        "summary": "A survey that was agreed, for one line and a fortnight",
        "value": {
            "tenant": "acme",
            "licence": "101",
            "rules": ["autodial"],
            "to_at": "2026-12-08T23:00:00+01:00",
            "reason": "survey agreed with sales, ticket 4711",
        },
    }
}


@router.post(
    "/reviews",
    status_code=201,
    response_model=Reviewed,
    responses=documented(
        *COMMON,
        (404, "There is no such alert", "not_found"),
        (409, "It is in somebody's hands, or something newer stands than what was seen", "stale"),
    ),
)
def review(
    request: Request,
    program: Annotated[Program, Depends(scope("reviews:write"))],
    key: Key,
    asked: Annotated[ReviewAsked, Body(openapi_examples=REVIEW_EXAMPLES)],
) -> Response:
    """Judge an alert: as the first person, or as the second or the lead where it waits for that. It leaves ten seconds later."""

    def do(write: _Write) -> BaseModel:
        session, person = write.session, write.person
        alert = session.get(tables.Alert, asked.alert_id)
        if alert is None:
            raise HTTPException(404)
        lease = leases.take(session, asked.alert_id, person.user_id, write.at)
        if lease is None:
            raise LeaseLost("somebody else has it in hand")
        judgement = Judgement(
            verdict=asked.verdict,
            action=asked.action,
            reason=asked.reason,
            form=f"api-{hashlib.sha256(f'{program.token_id}:{key}'.encode()).hexdigest()[:40]}",
            seen_update=asked.seen_update,
            seen_epoch=asked.seen_epoch,
            seen_sequence=asked.seen_sequence,
            restrictions=tuple(asked.restrictions),
            prefixes=tuple(asked.prefixes),
            until=_time(asked.until) if asked.until is not None else None,
            note=asked.note.strip(),
            notice=_notice(session, alert, asked, person, write.at),
        )
        # Who can read what others judged gives no blind opinion.
        sighted = not program.scopes.isdisjoint(("decisions", "reviews"))
        made = deciding.decide(session, person, alert.alert_id, lease.token, judgement, now=write.at, files=write.files, sighted=sighted)
        write.note("alert.decide", f"alert/{alert.alert_id}", new=deciding.told(made), why=made.note)
        return Reviewed(
            decision_id=made.decision_id,
            alert_id=made.alert_id,
            reviewer=person.login,
            part=made.part,
            needs_second=made.needs_second.split(),
            alert_status=alert.status,
            leaves_at=None if alert.status in ("second", "disagreed") else format_time(write.at + UNDO_MS),
        )

    return _once(request, program, key, asked.model_dump(), 201, do)


def _notice(session: Session, alert: tables.Alert, asked: ReviewAsked, person: Person, at: int) -> dict[str, str] | None:
    tenant = session.get(tables.Tenant, alert.tenant)
    closed = list(asked.restrictions or deciding.DEFAULTS.get(asked.action, ()))
    until = _time(asked.until) if asked.until is not None else None
    customer = tenant.name if tenant is not None else ""
    return notice.notices(alert, asked.action, closed, until, at, person.zone, customer) or None


@router.post("/exemptions", status_code=201, response_model=models.Exemption, responses=documented(*COMMON))
def exempt(
    request: Request,
    program: Annotated[Program, Depends(scope("exemptions:write"))],
    key: Key,
    asked: Annotated[ExemptionAsked, Body(openapi_examples=EXEMPTION_EXAMPLES)],
) -> Response:
    """Let rules leave a licence or a customer alone, from a time to a time. It leaves ten seconds later."""

    def do(write: _Write) -> BaseModel:
        if set(asked.rules) - {"*", *installed()}:
            raise Incomplete("unknown_rule")
        row = exempting.grant(
            write.session,
            write.person,
            tenant=asked.tenant,
            licence=asked.licence,
            rules=asked.rules,
            from_at=_time(asked.from_at) if asked.from_at is not None else write.at,
            to_at=_time(asked.to_at),
            reason=asked.reason,
            alert_id=asked.alert_id,
            now=write.at,
            files=write.files,
        )
        write.note("exemption.grant", f"tenant/{row.tenant}", new=exempting.told(row), why=row.reason)
        return models.Exemption.of(row)

    return _once(request, program, key, asked.model_dump(), 201, do)


@router.post(
    "/exemptions/{exemption_id}/revoke",
    response_model=models.Exemption,
    responses=documented(*COMMON, (404, "There is none, or it has been revoked", "not_found")),
)
def revoke(
    request: Request,
    program: Annotated[Program, Depends(scope("exemptions:write"))],
    key: Key,
    exemption_id: Annotated[str, Path(max_length=128)],
    asked: Annotated[RevocationAsked, Body(openapi_examples={"over": {"value": {"reason": "the survey ended early"}}})],
) -> Response:
    """End an exemption. One that has not left yet never does."""

    def do(write: _Write) -> BaseModel:
        row = exempting.revoke(write.session, write.person, exemption_id, now=write.at, files=write.files)
        if row is None:
            raise HTTPException(404)
        write.note("exemption.revoke", f"tenant/{row.tenant}", old={"exemption_id": exemption_id}, why=asked.reason)
        return models.Exemption.of(row)

    return _once(request, program, key, asked.model_dump(), 200, do)
