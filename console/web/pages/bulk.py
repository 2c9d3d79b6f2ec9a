"""Several alerts of the queue decided in one go: look at the set, decide, watch it being done, take it back."""

from __future__ import annotations

import secrets
from typing import Any

from fastapi import APIRouter, Request
from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, RedirectResponse, Response

from console.db.tables import Alert, Job, Tenant
from console.people.person import Person
from console.review import bulk, bulk_job, deciding, leases, notice
from console.review.bulk import Pick, Selection
from console.review.bulk_job import KIND
from console.review.deciding import Judgement
from console.review.errors import Incomplete, ReviewError
from console.review.queue import Filters
from console.trial import jobs
from console.web.access import Now, Reviewer, SomePerson, Writing, house, request_id
from console.web.pages.alert import TEXT_MAX, files
from console.web.pages.decide import end_of
from console.web.pages.queue import Asked
from console.web.render import page

router = APIRouter(prefix="/bulk")


async def _form(request: Request) -> tuple[list[Pick], dict[str, str]]:
    form = await request.form()
    picks = [Pick.read(value) for value in form.getlist("pick") if isinstance(value, str)]
    return [pick for pick in picks if pick is not None], {name: value for name, value in form.items() if isinstance(value, str)}


@router.post("")
async def look(request: Request, person: Reviewer, at: Now, asked: Asked) -> Response:
    """Show what was picked: what all have in common and how to decide it, or which differ and why."""
    picks, given = await _form(request)
    if "only" in given:
        # A row that is left out goes by its own button, so that the keyboard needs no second page.
        picks = [pick for pick in picks if pick.alert_id != given["only"]]
    return await run_in_threadpool(_look, request, person, at, asked, picks, {}, "")


def _look(
    request: Request, person: Person, at: int, asked: Filters, picks: list[Pick], given: dict[str, str], error: str, *, told: bool = False
) -> Response:
    with house(request).settings.database.writing() as session:
        try:
            found = bulk.gather(session, person, picks, at)
        except Incomplete as nothing:
            return page(request, "bulk_none.html", 422, error=nothing.key, asked=asked)
        return page(
            request,
            "bulk.html",
            422 if error else 200,
            found=found,
            asked=asked,
            given=given,
            error=error,
            steps=found.steps,
            reasons=deciding.REASONS,
            form=given.get("form") or secrets.token_urlsafe(12),
            notices=_notices(session, person, found, given, at) if told else [],
            risk=sum(row.alert.money_at_risk_cents for row in found.fit if row.alert is not None),
            wrong=sum(row.alert.money_if_wrong_cents for row in found.fit if row.alert is not None),
        )


def _notices(session: Session, person: Person, found: Selection, given: dict[str, str], at: int) -> list[tuple[Alert, dict[str, str]]]:
    """What each customer will be told."""
    texts = []
    for row in found.rows:
        if row.alert is not None:
            tenant = session.get(Tenant, row.alert.tenant)
            customer = tenant.name if tenant is not None else ""
            texts.append((row.alert, notice.notices(row.alert, given.get("action", ""), [], None, at, person.zone, customer)))
    return texts


@router.post("/decide")
async def decide(request: Request, person: Reviewer, at: Now, asked: Asked) -> Response:
    """Decide the set: as a job, which the page that follows shows. What customers are told is shown first."""
    picks, given = await _form(request)
    return await run_in_threadpool(_decide, request, person, at, asked, picks, given)


def _decide(request: Request, person: Person, at: int, asked: Filters, picks: list[Pick], given: dict[str, str]) -> Response:
    settings = house(request).settings
    judgement = Judgement(
        verdict=given.get("verdict", ""),
        action=given.get("action", ""),
        reason=given.get("reason", ""),
        form=given.get("form", "")[:64] or secrets.token_urlsafe(12),
        seen_update=0,
        until=end_of(given.get("until", ""), person.zone),
        note=given.get("note", "").strip()[:TEXT_MAX],
    )
    try:
        with settings.database.writing() as session:
            if session.get(Job, bulk_job.job_of(person, judgement.form)) is not None:
                return _to(bulk_job.job_of(person, judgement.form), asked)
            found = bulk.gather(session, person, picks, at)
            judgement = bulk.asked(found, judgement, at)
            if judgement.action in notice.TOLD and given.get("told") != judgement.action:
                job = None
            else:
                job = bulk_job.queue(session, person, picks, judgement, judgement.form, now=at, request=request_id(request))
    except ReviewError as error:
        return _look(request, person, at, asked, picks, given, error.key)
    if job is None:
        return _look(request, person, at, asked, picks, given, "", told=True)
    bulk_job.start(settings.database, settings.now, files(request), job.job_id)
    return _to(job.job_id, asked)


@router.post("/release")
async def release(request: Request, person: Reviewer, asked: Asked) -> Response:
    """Give all of it back, undecided."""
    picks, _ = await _form(request)

    def write() -> None:
        with house(request).settings.database.writing() as session:
            for pick in sorted(picks[: bulk.MOST], key=lambda pick: pick.alert_id):
                leases.release(session, pick.alert_id, person.user_id)

    await run_in_threadpool(write)
    query = asked.query()
    return RedirectResponse("/queue" + (f"?{query}" if query else ""), 303)


@router.get("/{job_id}")
def job(request: Request, person: SomePerson, session: Writing, at: Now, job_id: str, asked: Asked, late: str = "") -> Response:
    """How far a set is, and what became of each of its alerts."""
    jobs.find_lost(session, at)
    row = _job(session, job_id)
    outcome = bulk_job.outcome(session, row)
    ids = [*outcome.decided, *outcome.refused, *outcome.undone, *outcome.not_reached]
    known = {one.alert_id: one for one in session.scalars(select(Alert).where(Alert.alert_id.in_(ids)))}
    left = bulk_job.undo_left(row, person.user_id, at)
    return page(request, "bulk_job.html", job=row, outcome=outcome, known=known, left=left, late=bool(late), asked=asked)


@router.get("/{job_id}/state")
def state(person: SomePerson, session: Writing, job_id: str) -> Response:
    """The same for the page's script."""
    row = _job(session, job_id)
    said: dict[str, Any] = {"state": row.state, "done": row.done, "total": row.total}
    return JSONResponse(said)


@router.post("/{job_id}/cancel")
def cancel(person: Reviewer, session: Writing, job_id: str, asked: Asked) -> Response:
    """Judge no more of it; what was judged stays, and can be taken back."""
    row = _job(session, job_id)
    if row.user_id == person.user_id and row.state in ("queued", "running"):
        row.cancel_asked = True
    return _to(job_id, asked)


@router.post("/{job_id}/undo")
def undo(request: Request, person: Reviewer, session: Writing, at: Now, job_id: str, asked: Asked) -> Response:
    """Take the whole set back."""
    row = _job(session, job_id)
    try:
        bulk_job.undo(session, person, row, now=at, request=request_id(request))
    except ReviewError:
        return _to(job_id, asked, late="1")
    return _to(job_id, asked)


def _job(session: Session, job_id: str) -> Job:
    row = session.get(Job, job_id)
    if row is None or row.kind != KIND:
        raise HTTPException(404)
    return row


def _to(job_id: str, asked: Filters, **more: str) -> Response:
    query = asked.query(**more)
    return RedirectResponse(f"/bulk/{job_id}" + (f"?{query}" if query else ""), 303)
