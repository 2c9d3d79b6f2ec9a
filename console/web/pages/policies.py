"""Policies: what is in force, what is on its way, how two of them differ; publishing by a second person, and the way back."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from console.db.tables import Job, PolicyDraft, User
from console.people.person import Person
from console.trial import ground as grounds
from console.trial import policies
from console.trial.jobs import SHADOW
from console.trial.live import RANGES
from console.trial.policies import PolicyStep
from console.trial.policy_text import PolicyTextError, differences, host_tables, with_whole_paths
from console.web.access import Now, Reading, Writing, house, request_id, require
from console.web.pages.what_if import Looker, begin_job
from console.web.render import page
from detectors.errors import VigieError

router = APIRouter()
ROWS = 100
Analyst = Annotated[Person, Depends(require("analyst"))]
Publisher = Annotated[Person, Depends(require("publisher"))]


@router.get("/policies")
def listed(request: Request, person: Looker) -> Response:
    """All versions, newest first."""
    return _list(request)


def _list(request: Request, status: int = 200, error: str = "", text: str = "") -> Response:
    try:
        live = grounds.in_force(house(request).settings)
    except (VigieError, OSError) as problem:
        return page(request, "what_if_none.html", 422, problem=str(problem))
    with house(request).settings.database.reading() as session:
        rows = session.scalars(select(PolicyDraft).order_by(PolicyDraft.policy_id.desc()).limit(ROWS)).all()
        return page(
            request,
            "policies.html",
            status,
            rows=rows,
            live=live,
            leaving=policies.message_of(session, live),
            before=policies.before(session),
            names=_names(session),
            error=error,
            text=text or live.body,
        )


def _names(session: Session) -> dict[int, str]:
    return {row.user_id: row.name for row in session.scalars(select(User))}


def _row(session: Session, policy_id: int) -> PolicyDraft:
    row = session.get(PolicyDraft, policy_id)
    if row is None:
        raise HTTPException(404)
    return row


@router.post("/policies")
def write(request: Request, person: Analyst, text: Annotated[str, Form()], comment: Annotated[str, Form()]) -> Response:
    """A draft of a whole text."""
    text = text.replace("\r\n", "\n")
    settings = house(request).settings
    try:
        with settings.database.writing() as session:
            made = policies.draft(session, person, text, comment.strip()[:2000], settings.now(), request_id(request))
            policy_id = made.policy_id
    except PolicyStep as error:
        return _list(request, 422, error.key, text)
    except PolicyTextError as error:
        return _list(request, 422, str(error), text)
    return RedirectResponse(f"/policies/{policy_id}", 303)


@router.get("/policies/{policy_id}")
def shown(request: Request, person: Looker, session: Reading, policy_id: int, against: int = 0) -> Response:
    """One version, compared with the one it follows or another."""
    return _show(request, person, session, policy_id, against)


def _show(
    request: Request, person: Person, session: Session, policy_id: int, against: int = 0, status: int = 200, error: str = ""
) -> Response:
    row = _row(session, policy_id)
    other = session.get(PolicyDraft, against or row.parent_id or 0)
    shadow = session.get(Job, (row.checks or {}).get("shadow", ""))
    running = session.scalar(
        select(Job).where(Job.kind == SHADOW, Job.state.in_(("queued", "running"))).order_by(Job.created_at.desc()).limit(1)
    )
    return page(
        request,
        "policy.html",
        status,
        row=row,
        other=other,
        others=session.scalars(select(PolicyDraft).where(PolicyDraft.policy_id != policy_id).order_by(PolicyDraft.policy_id.desc())).all(),
        changes=differences(other.body if other else "", row.body),
        names=_names(session),
        shadow=shadow,
        running=running if running is not None and running.asked["policy_id"] == policy_id else None,
        refused=policies.may_publish(row, person),
        error=error,
        folder=house(request).settings.data,
        ranges=RANGES,
        unread=host_tables(other.body, row.body) if other is not None and house(request).settings.kafka is not None else [],
    )


@router.post("/policies/{policy_id}/check")
def check(request: Request, person: Analyst, session: Writing, at: Now, policy_id: int) -> Response:
    """Check it with the rules that are installed."""
    settings = house(request).settings
    try:
        policies.check(session, person, _row(session, policy_id), settings.policy.parent, at, request_id(request))
    except PolicyStep as error:
        return _show(request, person, session, policy_id, status=409, error=error.key)
    return RedirectResponse(f"/policies/{policy_id}", 303)


@router.post("/policies/{policy_id}/shadow")
def shadow(request: Request, person: Analyst, policy_id: int, last: Annotated[str, Form()] = "") -> Response:
    """Judge the history under it, beside the policy in force: a job."""
    try:
        on = grounds.ground(house(request).settings, last)
    except (VigieError, OSError) as error:
        with house(request).settings.database.reading() as session:
            return _show(request, person, session, policy_id, status=409, error=str(error))
    with house(request).settings.database.reading() as session:
        row = _row(session, policy_id)
        if row.state not in ("checked", "shadow") or not on.usable:
            key = "policy.no_history" if row.state in ("checked", "shadow") else "policy.not_checked"
            return _show(request, person, session, policy_id, status=409, error=key)
        asked = {"policy_id": row.policy_id, "parent_id": on.policy.policy_id, "version": row.version, "body": row.body}
    return begin_job(request, person, SHADOW, asked, on, str(asked["body"]))


@router.post("/policies/{policy_id}/publish")
def publish(request: Request, person: Publisher, policy_id: int, why: Annotated[str, Form()]) -> Response:
    """Put it in force."""
    settings = house(request).settings
    try:
        with settings.database.writing() as session:
            row = _row(session, policy_id)
            if settings.data is not None:
                # Before it is in force: a policy that cannot be put beside the results must not come to that.
                with_whole_paths(row.body, settings.policy.parent)
            policies.publish(
                session, person, row, settings.now(), request_id(request), why.strip()[:2000], broker=settings.kafka is not None
            )
    except PolicyStep as error:
        with settings.database.reading() as session:
            return _show(request, person, session, policy_id, status=409, error=error.key)
    except VigieError as error:
        with settings.database.reading() as session:
            return _show(request, person, session, policy_id, status=409, error=str(error))
    _put(request, person)
    return RedirectResponse("/policies", 303)


@router.post("/policies/{policy_id}/refuse")
def refuse(request: Request, person: Analyst, session: Writing, at: Now, policy_id: int, why: Annotated[str, Form()] = "") -> Response:
    """Give a draft up."""
    try:
        policies.refuse(session, person, _row(session, policy_id), at, request_id(request), why.strip()[:2000])
    except PolicyStep as error:
        return _show(request, person, session, policy_id, status=409, error=error.key)
    return RedirectResponse("/policies", 303)


@router.post("/policies/rollback")
def roll_back(request: Request, person: Publisher, why: Annotated[str, Form()]) -> Response:
    """Put the policy before back in force."""
    settings = house(request).settings
    try:
        with settings.database.writing() as session:
            earlier = policies.before(session)
            if settings.data is not None and earlier is not None:
                with_whole_paths(earlier.body, settings.policy.parent)
            policies.roll_back(session, person, settings.now(), request_id(request), why.strip()[:2000], broker=settings.kafka is not None)
    except PolicyStep as error:
        return _list(request, 409, error.key)
    except VigieError as error:
        return _list(request, 409, str(error))
    _put(request, person)
    return RedirectResponse("/policies", 303)


def _put(request: Request, person: Person) -> None:
    """Beside the results, once the database has it: a policy that lies there and is in force nowhere would be judged by."""
    settings = house(request).settings
    if settings.data is not None:
        with settings.database.reading() as session:
            row = policies.live(session)
            if row is not None:
                policies.write(row, settings.data, person.login, settings.policy.parent)
