"""What if: a rule's thresholds changed on a page, and what that would have done on the history, before anything is saved."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

from fastapi import APIRouter, Depends, Form, Request
from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, RedirectResponse, Response

from console.db.tables import Alert, Job, PolicyDraft
from console.people.person import Person
from console.settings import DEFAULT_POLICY
from console.trial import ground as grounds
from console.trial import jobs, policies
from console.trial.history import not_covered_under
from console.trial.jobs import SHADOW, WHAT_IF, Runner
from console.trial.live import RANGES
from console.trial.policy_text import PolicyTextError, checked, differences, with_keys
from console.web.access import Now, Reading, Writing, house, note, request_id, require
from console.web.render import page
from detectors.errors import VigieError
from detectors.policy import Policy
from detectors.registry import installed
from streams.rule_pages import sources_of

router = APIRouter()
Trier = Annotated[Person, Depends(require("analyst", "lead", "publisher"))]
Looker = Annotated[Person, Depends(require("analyst", "lead", "publisher", "auditor"))]
#: Keys that say what is done and not when; they come first on the form.
FIRST = ("mode", "lift", "on_overdue")
_making = threading.Lock()


def runner(request: Request) -> Runner:
    """The console's one worker on jobs."""
    state, settings = request.app.state, house(request).settings
    with _making:
        if not hasattr(state, "runner"):
            state.runner = Runner(settings.database, settings.now, grounds.scratch(settings))
        found: Runner = state.runner
    return found


@router.get("/what-if")
def what_if(request: Request, person: Trier, rule: str = "", last: str = "") -> Response:
    """The form of one rule; of a live console, over the last so many hours or days of the log."""
    return _form(request, rule, last)


def _form(request: Request, rule: str, last: str, status: int = 200, error: str = "", tried: Mapping[str, str] | None = None) -> Response:
    try:
        on = grounds.ground(house(request).settings, last)
    except (VigieError, OSError) as problem:
        return page(request, "what_if_none.html", 422, problem=str(problem))
    params = Policy(on.body, installed()).merged("", "").rules
    why = not_covered_under(on.history, on.body)
    dark = {name: why.get(name) for name in installed()}
    rule = rule or next((name for name in dark if dark[name] is None), next(iter(dark)))
    if rule not in dark:
        raise HTTPException(404)
    sources = sources_of(DEFAULT_POLICY.read_text("utf-8")).get(rule, {})
    return page(
        request,
        "what_if.html",
        status,
        on=on,
        ranges=RANGES,
        rule=rule,
        dark=dark,
        fields=fields_of(rule, params[rule]),
        sources=sources,
        tried=tried or {},
        error=error,
        others=_elsewhere(on.body, rule),
    )


def fields_of(rule: str, params: Any) -> list[dict[str, Any]]:
    """Keys of a rule that a form can change: whole numbers, and words of a list; first what is done, then the thresholds."""
    hints = get_type_hints(type(params), include_extras=True)
    found = []
    for name in (*FIRST, *(key for key in params.__struct_fields__ if key not in FIRST)):
        value = getattr(params, name)
        words = get_args(hints[name]) if get_origin(hints[name]) is Literal else ()
        if words or (isinstance(value, int) and not isinstance(value, bool)):
            found.append({"name": name, "value": value, "words": words})
    return found


def _elsewhere(body: dict[str, Any], rule: str) -> list[str]:
    """Offers and customers with thresholds of their own for a rule: the form does not change those."""
    return [
        f"{table}.{name}" for table in ("offers", "tenants") for name, own in body.get(table, {}).items() if rule in own.get("rules", {})
    ]


@router.post("/what-if")
async def ask(request: Request, person: Trier) -> Response:
    """Try other thresholds on the history: a job."""
    given = {name: value for name, value in (await request.form()).items() if isinstance(value, str)}
    return await run_in_threadpool(_ask, request, person, given)


def _ask(request: Request, person: Person, given: dict[str, str]) -> Response:
    rule, last = given.get("rule", ""), given.get("last", "")
    if rule not in installed():
        raise HTTPException(404)
    try:
        on = grounds.ground(house(request).settings, last)
    except (VigieError, OSError) as problem:
        return page(request, "what_if_none.html", 422, problem=str(problem))
    params = Policy(on.body, installed()).merged("", "").rules[rule]
    if not on.usable or rule in not_covered_under(on.history, on.body):
        return _form(request, rule, last, 422, "whatif.cannot", given)
    changes: dict[str, int | str] = {}
    for field in fields_of(rule, params):
        text = given.get(f"key.{field['name']}", "").strip()
        if not text or text == str(field["value"]):
            continue
        if field["words"]:
            changes[field["name"]] = text
            continue
        try:
            changes[field["name"]] = int(text)
        except ValueError:
            return _form(request, rule, last, 422, "whatif.no_number", given)
    if not changes:
        return _form(request, rule, last, 422, "whatif.nothing", given)
    try:
        text = with_keys(on.policy.body, rule, changes)
        body, version = checked(text)
    except PolicyTextError as error:
        return _form(request, rule, last, 422, str(error), given)
    if rule in not_covered_under(on.history, on.body, body):
        return _form(request, rule, last, 422, "whatif.further", given)
    asked = {"rule": rule, "changes": changes, "policy_id": on.policy.policy_id, "version": version, "body": text}
    return begin_job(request, person, WHAT_IF, asked, on, text)


def begin_job(request: Request, person: Person, kind: str, asked: dict[str, Any], on: grounds.Ground, text: str) -> Response:
    """Queue a replay of the history under another policy, start it, and go to its page."""
    settings = house(request).settings
    question = grounds.question(settings, on, text)
    dark = not_covered_under(on.history, on.body, checked(text)[0])
    asked = {**asked, "dark": sorted(dark), "last": on.history.log.length if on.history.log is not None else ""}
    with settings.database.writing() as session:
        jobs.find_lost(session, settings.now())
        job = jobs.queue(session, kind, person.user_id, asked, settings.now())
        note(request, session, person, "job.begin", f"job/{job.job_id}", new={"kind": kind, "version": asked["version"]})
        job_id = job.job_id
    runner(request).start(job_id, question)
    return RedirectResponse(f"/jobs/{job_id}", 303)


def _job(session: Session, job_id: str) -> Job:
    job = session.get(Job, job_id)
    if job is None or job.kind not in (WHAT_IF, SHADOW):
        raise HTTPException(404)
    return job


@router.get("/jobs/{job_id}")
def job(request: Request, person: Looker, session: Reading, job_id: str) -> Response:
    """How far a job is, and what came of it."""
    row = _job(session, job_id)
    base = session.get(PolicyDraft, row.asked["policy_id"] if row.kind == WHAT_IF else row.asked["parent_id"])
    shown = [] if row.result is None else [one["alert_id"] for one in _named(row.result)]
    known = set(session.scalars(select(Alert.alert_id).where(Alert.alert_id.in_(shown)))) if shown else set()
    changes = differences(base.body if base else "", row.asked["body"])
    return page(request, "job.html", job=row, known=known, changes=changes, shadow=row.kind == SHADOW)


def _named(result: dict[str, Any]) -> list[dict[str, Any]]:
    return [*result["disappear"], *(one["before"] for one in result["changed"])]


@router.get("/jobs/{job_id}/state")
def state(person: Looker, session: Reading, job_id: str) -> JSONResponse:
    """How far a job is, for the page's script."""
    row = _job(session, job_id)
    return JSONResponse({"state": row.state, "done": row.done, "total": row.total})


@router.post("/jobs/{job_id}/cancel")
def cancel(request: Request, person: Trier, session: Writing, job_id: str) -> Response:
    """Ask a job to end; its process is stopped within a second."""
    row = _job(session, job_id)
    if row.state in ("queued", "running"):
        row.cancel_asked = True
        note(request, session, person, "job.cancel", f"job/{job_id}")
    return RedirectResponse(f"/jobs/{job_id}", 303)


@router.post("/jobs/{job_id}/draft")
def keep(request: Request, person: Trier, session: Writing, at: Now, job_id: str, comment: Annotated[str, Form()]) -> Response:
    """Make a draft of what was tried."""
    row = _job(session, job_id)
    if not person.may("analyst"):
        raise HTTPException(403)
    try:
        made = policies.draft(session, person, row.asked["body"], comment.strip()[:2000], at, request_id(request))
    except policies.PolicyStep:
        return RedirectResponse(f"/jobs/{job_id}", 303)
    return RedirectResponse(f"/policies/{made.policy_id}", 303)
