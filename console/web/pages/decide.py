"""Deciding on a page: judge (with what will happen shown first), undo, reinstate, exempt."""

from __future__ import annotations

import secrets
from datetime import date, datetime, time, timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Form, Request
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from console.db.tables import Alert, Tenant
from console.people.person import Person
from console.review import deciding, exempting, leases, notice, queue, second
from console.review.deciding import Judgement
from console.review.errors import Incomplete, ReviewError
from console.web.access import Now, Reviewer, Writing, house, note
from console.web.pages.alert import TEXT_MAX, files, show
from console.web.pages.queue import Asked, onward
from console.web.render import page

router = APIRouter()
#: Steps that a customer notices are shown whole before they are taken.
SHOWN_FIRST = ("warn", "restrict", "suspend")
Text = Annotated[str, Form()]


async def fields(request: Request) -> dict[str, Any]:
    """The form as it came."""
    form = await request.form()
    given: dict[str, Any] = {name: value for name, value in form.items() if isinstance(value, str)}
    given["restriction"] = [value for value in form.getlist("restriction") if isinstance(value, str)]
    return given


@router.post("/alerts/{alert_id}/decide")
async def decide(request: Request, person: Reviewer, at: Now, alert_id: str, asked: Asked) -> Response:
    """Judge: at once what moves nothing, after a look at what will happen what does."""
    return await run_in_threadpool(_decide, request, person, at, alert_id, asked, await fields(request))


def _decide(request: Request, person: Person, at: int, alert_id: str, asked: Asked, given: dict[str, Any]) -> Response:
    database = house(request).settings.database
    try:
        with database.writing() as session:
            alert = session.get(Alert, alert_id)
            if alert is None:
                raise HTTPException(404)
            judgement = judged(given, person)
            checked = deciding.checked(alert, judgement, at)
            # Shown again when other things were ticked than the page said: what moves, and the notice, are as they were read.
            if judgement.action in SHOWN_FIRST and given.get("shown") != shown(checked):
                leases.held(session, alert_id, person.user_id, given.get("lease", ""), at)
                return _confirm(request, session, person, alert, checked, given, asked, at)
            made = deciding.decide(session, person, alert_id, given.get("lease", ""), judgement, now=at, files=files(request))
            note(request, session, person, "alert.decide", f"alert/{alert_id}", new=deciding.told(made), why=made.note)
            following = queue.pull(session, person, asked, at, but=alert_id)
            return onward(following, asked, done=made.decision_id)
    except ReviewError as error:
        with database.writing() as session:
            alert = session.get_one(Alert, alert_id)
            return show(request, session, person, alert, at, asked=asked, error=error.key, given=given, status=409)


def shown(judgement: Judgement) -> str:
    """What a page of confirmation showed, in one word."""
    return ",".join((judgement.action, *judgement.restrictions, *judgement.prefixes))


def judged(given: dict[str, Any], person: Person) -> Judgement:
    """A judgement from a form. Dates are days in the person's zone, and last until their end."""
    ticked = tuple(given.get("restriction", []))
    if given.get("shown") and not ticked:
        # Nothing was left ticked on the page that lists them: not the same as a form that has no such list.
        ticked = ("",)
    told = {language: given[f"notice_{language}"][:TEXT_MAX] for language in ("fr", "en") if given.get(f"notice_{language}")}
    return Judgement(
        verdict=given.get("verdict", ""),
        action=given.get("action", ""),
        reason=given.get("reason", ""),
        form=given.get("form", "")[:64] or secrets.token_urlsafe(12),
        seen_update=_whole(given.get("seen_update")),
        seen_epoch=_whole(given.get("seen_epoch")),
        seen_sequence=_whole(given.get("seen_sequence")),
        restrictions=ticked,
        prefixes=tuple(part for part in given.get("prefixes", "").replace(",", " ").split() if part.lstrip("+").isdigit())[:50],
        until=end_of(given.get("until", ""), person.zone),
        note=given.get("note", "").strip()[:TEXT_MAX],
        notice=told or None,
        seconds=min(_whole(given.get("seconds")), 86_400) or None,
    )


def _whole(text: Any) -> int:
    return int(text) if isinstance(text, str) and text.isascii() and text.isdigit() and len(text) < 16 else 0


def end_of(day: str, zone: str) -> int | None:
    """The end of a day (``2026-11-30``) in a zone, in ms; ``None`` for anything else."""
    try:
        following = date.fromisoformat(day) + timedelta(days=1)
        return int(datetime.combine(following, time(), ZoneInfo(zone)).timestamp() * 1000)
    except (ValueError, OverflowError):
        return None


def _confirm(
    request: Request, session: Session, person: Person, alert: Alert, judgement: Judgement, given: dict[str, Any], asked: Asked, at: int
) -> Response:
    tenant = session.get(Tenant, alert.tenant)
    customer = tenant.name if tenant is not None else ""
    restrictions = list(judgement.restrictions)
    texts = notice.notices(alert, judgement.action, restrictions, judgement.until, at, person.zone, customer)
    why = [] if alert.status in ("second", "disagreed") else second.needed(session, alert, judgement.action, restrictions)
    record = second.standing(session, alert)
    return page(
        request,
        "confirm.html",
        alert=alert,
        judgement=judgement,
        given=given,
        asked=asked,
        notices=texts,
        needs=why,
        aors=record.body["aors"] if record is not None else [],
        shown=shown(judgement),
        choices=deciding.OF_ACTION.get(judgement.action, ()),
    )


@router.post("/decisions/{decision_id}/undo")
def undo(request: Request, person: Reviewer, session: Writing, at: Now, decision_id: str, asked: Asked) -> Response:
    """Take back one's own decision of the last ten seconds."""
    try:
        alert = deciding.undo(session, person, decision_id, now=at)
    except ReviewError:
        return page(request, "too_late.html", 409, asked=asked)
    note(request, session, person, "alert.undo", f"alert/{alert.alert_id}", old={"decision_id": decision_id})
    query = asked.query()
    return RedirectResponse(f"/alerts/{alert.alert_id}" + (f"?{query}" if query else ""), 303)


@router.post("/alerts/{alert_id}/reinstate")
def reinstate(
    request: Request, person: Reviewer, session: Writing, at: Now, alert_id: str, asked: Asked, form: Text = "", why: Text = ""
) -> Response:
    """Give service back: at once, by one person."""
    alert = session.get(Alert, alert_id)
    if alert is None:
        raise HTTPException(404)
    try:
        made = deciding.reinstate(
            session, person, alert_id, why[:TEXT_MAX], form[:50] or secrets.token_hex(8), now=at, files=files(request)
        )
    except ReviewError as error:
        return show(request, session, person, alert, at, asked=asked, error=error.key, status=422)
    if made:
        said = [row.decision_id for row in made]
        note(request, session, person, "alert.reinstate", f"licence/{alert.tenant}/{alert.licence}", new=said, why=why.strip()[:TEXT_MAX])
    query = asked.query()
    return RedirectResponse(f"/alerts/{alert_id}" + (f"?{query}" if query else ""), 303)


@router.post("/alerts/{alert_id}/exempt")
def exempt(
    request: Request,
    person: Reviewer,
    session: Writing,
    at: Now,
    alert_id: str,
    asked: Asked,
    until: Text = "",
    since: Text = "",
    why: Text = "",
    whole: Text = "",
) -> Response:
    """Let the alert's rule leave the licence (or the customer) alone, from a day to a day."""
    alert = session.get(Alert, alert_id)
    if alert is None:
        raise HTTPException(404)
    to_at, before = end_of(until, person.zone), end_of(since, person.zone)
    try:
        if why.strip() and to_at is None:
            raise Incomplete("no_end")
        row = exempting.grant(
            session,
            person,
            tenant=alert.tenant,
            licence=None if whole else alert.licence,
            rules=[alert.rule],
            from_at=before - exempting.DAY if before is not None else at,
            to_at=to_at or 0,
            reason=why,
            alert_id=alert_id,
            now=at,
            files=files(request),
        )
    except Incomplete as error:
        return show(request, session, person, alert, at, asked=asked, error=error.key, status=422)
    note(request, session, person, "exemption.grant", f"tenant/{alert.tenant}", new=exempting.told(row), why=row.reason)
    query = asked.query()
    return RedirectResponse(f"/alerts/{alert_id}" + (f"?{query}" if query else ""), 303)


@router.post("/exemptions/{exemption_id}/revoke")
def revoke(request: Request, person: Reviewer, session: Writing, at: Now, exemption_id: str, why: Text = "") -> Response:
    """End an exemption. One that has not left yet never does."""
    row = exempting.revoke(session, person, exemption_id, now=at, files=files(request))
    if row is None:
        raise HTTPException(404)
    note(request, session, person, "exemption.revoke", f"tenant/{row.tenant}", old={"exemption_id": exemption_id}, why=why)
    return RedirectResponse(f"/alerts/{row.alert_id}" if row.alert_id else "/queue", 303)
