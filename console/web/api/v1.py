"""``/api/v1``: alerts, decisions, reviews, exemptions and receipts, for programs with a token (``Authorization: Bearer vigie_…``).

A program reads what its token's scopes name, and with ``reviews:write`` and ``exemptions:write`` judges and exempts as the person who
made the token, who answers for it in the audit log. Errors are ``application/problem+json``.

Lists go from the oldest to the newest, so that a program that keeps ``next`` reads each thing once and finds what is new later.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.openapi.utils import get_openapi
from fastapi.security import HTTPBearer
from sqlalchemy import Select, select, tuple_
from sqlalchemy.orm import Session
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response, StreamingResponse

from console import audit
from console.db import tables
from console.people import tokens
from console.people.limits import API
from console.people.tokens import Program
from console.review import second
from console.web.access import NotSignedIn, Reading, house, now, request_id
from console.web.api import models
from console.web.api.csv_cells import lines
from console.web.api.problems import problem

router = APIRouter(prefix="/api/v1")
pages = APIRouter()
MOST = 500


class ScopeMissing(Exception):
    """The token is good, but not for this."""

    def __init__(self, scope: str) -> None:
        super().__init__(scope)
        self.scope = scope


async def scope_missing(request: Request, error: Exception) -> Response:
    """The answer to it."""
    assert isinstance(error, ScopeMissing)
    return problem(request, 403, "scope_missing", scope=error.scope)


# Describes the header in OpenAPI; what it says is checked here, with one answer for whatever is wrong.
_bearer = HTTPBearer(auto_error=False, description="A token made on the console's page “API tokens”.")


def scope(name: str) -> Callable[..., Program]:
    """A dependency: the program whose token has the scope."""

    def check(request: Request, _: Annotated[Any, Depends(_bearer)]) -> Program:
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        database, at = house(request).settings.database, now(request)
        with database.reading() as session:
            found = tokens.find(session, token, at) if kind.lower() == "bearer" else None
        if found is None:
            raise NotSignedIn
        program, due = found
        house(request).limits.count(API, str(program.token_id))
        if due:
            with database.writing() as session:
                tokens.used(session, program.token_id, at)
        if name not in program.scopes:
            raise ScopeMissing(name)
        return program

    return check


Limit = Annotated[int, Query(ge=1, le=MOST, description="How many at most.")]
After = Annotated[str | None, Query(max_length=200, description="`next` of the answer before.")]
Tenant = Annotated[str | None, Query(max_length=200)]


def _from(query: Select[Any], after: str | None, time: Any, ident: Any) -> Select[Any]:
    """The part of a list behind a place ``milliseconds:id``."""
    query = query.order_by(time, ident)
    if after is None:
        return query
    at, _, name = after.partition(":")
    if not (at.isascii() and at.isdigit() and len(at) < 19):
        raise HTTPException(422)
    return query.where(tuple_(time, ident) > (int(at), name))


def _numbered(query: Select[Any], after: str | None, ident: Any) -> Select[Any]:
    if after is not None and not (after.isascii() and after.isdigit() and len(after) < 19):
        raise HTTPException(422)
    return query.order_by(ident).where(ident > int(after or 0))


@router.get("/alerts", dependencies=[Depends(scope("alerts"))])
def alerts(
    session: Reading,
    tenant: Tenant = None,
    rule: str | None = None,
    status: str | None = None,
    after: After = None,
    limit: Limit = 100,
) -> models.Alerts:
    """Alerts, in the order in which the console heard of them; an alert that is said again keeps its place."""
    query = _from(_alerts(tenant, rule, status), after, tables.Alert.received_at, tables.Alert.alert_id)
    rows = session.scalars(query.limit(limit)).all()
    last = f"{rows[-1].received_at}:{rows[-1].alert_id}" if len(rows) == limit else None
    return models.Alerts(items=[models.Alert.of(row) for row in rows], next=last)


def _alerts(tenant: str | None, rule: str | None, status: str | None) -> Select[Any]:
    asked = {tables.Alert.tenant: tenant, tables.Alert.rule: rule, tables.Alert.status: status}
    return select(tables.Alert).where(*(column == value for column, value in asked.items() if value is not None))


@router.get("/alerts.csv", dependencies=[Depends(scope("alerts"))], response_class=StreamingResponse)
def alerts_csv(request: Request, tenant: Tenant = None, rule: str | None = None, status: str | None = None) -> Response:
    """All alerts as CSV; no cell can be run by a spreadsheet."""
    return _csv(request, tenant, rule, status)


@router.get("/alerts/{alert_id}", dependencies=[Depends(scope("alerts"))])
def alert(session: Reading, alert_id: str) -> models.Alert:
    """One alert with its statement."""
    row = session.get(tables.Alert, alert_id)
    if row is None:
        raise HTTPException(404)
    record = second.standing(session, row)
    return models.Alert.of(row, whole=True, stands=(record.epoch, record.sequence) if record is not None else (0, 0))


@router.get("/decisions", dependencies=[Depends(scope("decisions"))])
def decisions(session: Reading, alert_id: str | None = None, after: After = None, limit: Limit = 100) -> models.Decisions:
    """What persons judged, in order."""
    query: Any = select(tables.Decision, tables.User.login).join(tables.User, tables.User.user_id == tables.Decision.user_id)
    if alert_id is not None:
        query = query.where(tables.Decision.alert_id == alert_id)
    placed = _from(query, after, tables.Decision.at, tables.Decision.decision_id).limit(limit)
    rows = session.execute(placed).all()
    last = f"{rows[-1][0].at}:{rows[-1][0].decision_id}" if len(rows) == limit else None
    return models.Decisions(items=[models.Decision.of(row[0], row[1]) for row in rows], next=last)


@router.get("/reviews", dependencies=[Depends(scope("reviews"))])
def reviews(session: Reading, after: After = None, limit: Limit = 100) -> models.Reviews:
    """What decisions send to detection, in order."""
    query = _numbered(select(tables.Outbox).where(tables.Outbox.kind == "review"), after, tables.Outbox.outbox_id)
    rows = session.scalars(query.limit(limit)).all()
    return models.Reviews(items=[models.Review.of(row) for row in rows], next=str(rows[-1].outbox_id) if len(rows) == limit else None)


@router.get("/exemptions", dependencies=[Depends(scope("exemptions"))])
def exemptions(session: Reading, tenant: Tenant = None, after: After = None, limit: Limit = 100) -> models.Exemptions:
    """Exemptions, revoked and past ones among them, in the order in which they were made."""
    query = select(tables.Exemption)
    if tenant is not None:
        query = query.where(tables.Exemption.tenant == tenant)
    rows = session.scalars(_from(query, after, tables.Exemption.created_at, tables.Exemption.exemption_id).limit(limit)).all()
    last = f"{rows[-1].created_at}:{rows[-1].exemption_id}" if len(rows) == limit else None
    return models.Exemptions(items=[models.Exemption.of(row) for row in rows], next=last)


@router.get("/receipts", dependencies=[Depends(scope("receipts"))])
def receipts(
    session: Reading, tenant: Tenant = None, decision_id: str | None = None, after: After = None, limit: Limit = 100
) -> models.Receipts:
    """What telephone systems did, in the order in which the console heard of it."""
    asked = {tables.Receipt.tenant: tenant, tables.Receipt.decision_id: decision_id}
    query = select(tables.Receipt).where(*(column == value for column, value in asked.items() if value is not None))
    rows = session.scalars(_numbered(query, after, tables.Receipt.receipt_id).limit(limit)).all()
    return models.Receipts(items=[models.Receipt.of(row) for row in rows], next=str(rows[-1].receipt_id) if len(rows) == limit else None)


@pages.get("/api/v1/openapi.json")
def openapi() -> JSONResponse:
    """The description of all of this; it holds nothing but what the documentation does."""
    return JSONResponse(get_openapi(title="vigie", version="1", description=__doc__, routes=router.routes))


def export(request: Request, session: Session, at: int, who: str, tenant: str | None, rule: str | None, status: str | None) -> Response:
    """Alerts as CSV for a person, which the audit log says."""
    asked = {name: value for name, value in (("tenant", tenant), ("rule", rule), ("status", status)) if value}
    audit.append(session, at=at, who=who, what="alerts.export", subject="alerts", new=asked, request=request_id(request))
    return _csv(request, tenant, rule, status)


def _csv(request: Request, tenant: str | None, rule: str | None, status: str | None) -> Response:
    columns = [name for name in models.Alert.model_fields if name not in ("statement", "seen")]
    database = house(request).settings.database

    def rows() -> Iterator[dict[str, Any]]:
        with database.reading() as session:
            query = _alerts(tenant, rule, status).order_by(tables.Alert.received_at, tables.Alert.alert_id)
            for block in session.scalars(query.execution_options(yield_per=MOST)).partitions():
                for row in block:
                    yield models.Alert.of(row).model_dump()
                session.expunge_all()

    headers = {"Content-Disposition": 'attachment; filename="alerts.csv"'}
    return StreamingResponse(lines(columns, rows()), media_type="text/csv; charset=utf-8", headers=headers)
