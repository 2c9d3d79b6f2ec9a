"""Tokens of programs, and the export of alerts for persons."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from console.db.tables import ApiToken, User
from console.people import tokens
from console.people.accounts import AccountError
from console.people.person import Person
from console.web.access import Administrator, Now, Reading, Writing, request_id, require
from console.web.api.v1 import export
from console.web.render import page

router = APIRouter()


@router.get("/tokens")
def overview(request: Request, person: Administrator, session: Reading, at: Now) -> Response:
    """List them."""
    return _page(request, session, at)


@router.post("/tokens")
def create(
    request: Request,
    person: Administrator,
    session: Writing,
    at: Now,
    name: Annotated[str, Form()] = "",
    scope: Annotated[list[str] | None, Form()] = None,
    days: Annotated[int, Form()] = 90,
) -> Response:
    """Make one, and show it this once."""
    rid = request_id(request)
    try:
        token = tokens.create(session, person.user_id, name, scope or [], days, who=person.login, now=at, request=rid)
    except AccountError as error:
        return _page(request, session, at, 422, error=error.key)
    return _page(request, session, at, token=token)


@router.post("/tokens/{token_id}/revoke")
def revoke(request: Request, person: Administrator, session: Writing, at: Now, token_id: int) -> Response:
    """End one."""
    if not tokens.revoke(session, token_id, who=person.login, now=at, request=request_id(request)):
        raise HTTPException(404)
    return RedirectResponse("/tokens", 303)


@router.get("/export/alerts.csv")
def alerts_csv(
    request: Request,
    person: Annotated[Person, Depends(require("analyst", "lead", "auditor"))],
    session: Writing,
    at: Now,
    tenant: str | None = None,
    rule: str | None = None,
    status: str | None = None,
) -> Response:
    """Alerts as CSV; the audit log says who took it."""
    return export(request, session, at, person.login, tenant, rule, status)


def _page(request: Request, session: Session, at: int, status: int = 200, *, token: str = "", error: str = "") -> Response:
    query = select(ApiToken, User).join(User).order_by(ApiToken.revoked_at.is_not(None), ApiToken.created_at.desc())
    rows = [(row, user) for row, user in session.execute(query)]
    return page(
        request,
        "tokens.html",
        status,
        rows=rows,
        scopes=(*tokens.SCOPES, *tokens.WRITES),
        longest=tokens.LONGEST_DAYS,
        token=token,
        error=error,
    )
