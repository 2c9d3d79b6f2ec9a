"""Telephone systems: who is heard, whose table is what was decided, the circuit breakers, and the kill switch."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from console import receipts
from console.db.tables import Audit, Breaker, Heartbeat, Notification
from console.notify.happenings import acknowledge
from console.people.person import Person
from console.systems import COMMANDS, command, systems
from console.web.access import Now, Reading, SomePerson, Writing, note, require
from console.web.render import page

router = APIRouter()
Operator = Annotated[Person, Depends(require("operator"))]
Taker = Annotated[Person, Depends(require("operator", "reviewer"))]
#: Commands of before that are shown, and records without a receipt.
HISTORY, SHOWN = 20, 100
ALL = "*"
MESSAGES = 20


@router.get("/systems")
def overview(request: Request, person: SomePerson, session: Reading, at: Now) -> Response:
    """Show all of them."""
    return _page(request, session, at)


@router.post("/systems")
def tell(
    request: Request,
    person: Operator,
    session: Writing,
    at: Now,
    pbx: Annotated[str, Form()],
    action: Annotated[str, Form()],
    reason: Annotated[str, Form()] = "",
) -> Response:
    """Pause, resume or flush one system, or all of them."""
    names = sorted(session.scalars(select(Heartbeat.pbx)))
    if action not in COMMANDS or (pbx != ALL and pbx not in names):
        raise HTTPException(404)
    reason = " ".join(reason.split())[:500]
    if not reason:
        return _page(request, session, at, 422, error="systems.reason_missing")
    for name in names if pbx == ALL else [pbx]:
        body = command(session, name, action, who=person.login, why=reason, now=at)
        note(request, session, person, f"bridge.{action}", f"pbx/{name}", new={"id": body["id"]}, why=reason)
    return RedirectResponse("/systems", 303)


@router.post("/systems/messages")
def take_up(request: Request, person: Taker, session: Writing, at: Now, about: Annotated[str, Form()]) -> Response:
    """Somebody takes a message up: nobody else is woken for it."""
    acknowledge(session, about, person.login, at)
    note(request, session, person, "message.take-up", f"message/{about}"[:300])
    return RedirectResponse("/systems", 303)


def _page(request: Request, session: Session, at: int, status: int = 200, error: str = "") -> Response:
    expected, found = systems(session, at)
    breakers = session.scalars(select(Breaker).order_by(Breaker.state.desc(), Breaker.since.desc())).all()
    commands = session.scalars(select(Audit).where(Audit.what.like("bridge.%")).order_by(Audit.number.desc()).limit(HISTORY)).all()
    messages = session.scalars(select(Notification).order_by(Notification.notification_id.desc()).limit(MESSAGES)).all()
    unanswered = receipts.unanswered(session, at, at - receipts.KEPT_MS)
    return page(
        request,
        "systems.html",
        status,
        expected=expected,
        systems=found,
        breakers=breakers,
        commands=commands,
        messages=messages,
        unanswered=unanswered[:SHOWN],
        more=max(0, len(unanswered) - SHOWN),
        error=error,
        everybody=ALL,
    )
