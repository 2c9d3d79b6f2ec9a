"""An alert on one screen: claim, money, for and against, plots, past and similar cases, customer, decision, timeline."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from markupsafe import Markup
from sqlalchemy.orm import Session
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from console import receipts
from console.db.tables import Alert, Decision, Note, Reveal, Setting, View
from console.people.person import Person
from console.plots.by_rule import plots_of
from console.plots.plot import figure
from console.plots.words import Words as PlotWords
from console.review import case as cases
from console.review import deciding, leases, numbers
from console.review.messages import UNDO_MS
from console.web.access import Now, Reviewer, SomePerson, Writing, house, note
from console.web.pages.queue import Asked
from console.web.render import page

router = APIRouter()
#: A reason to see a number, a note: as long as a sentence or two.
TEXT_MAX = 4_000


@router.get("/alerts/{alert_id}")
def alert(request: Request, person: SomePerson, session: Writing, at: Now, alert_id: str, asked: Asked, done: str = "") -> Response:
    """The page. Looking is written down, too."""
    found = _found(session, alert_id)
    session.add(View(user_id=person.user_id, alert_id=alert_id, at=at))
    return show(request, session, person, found, at, asked=asked, done=done)


def show(request: Request, session: Session, person: Person, found: Alert, at: int, *, status: int = 200, **more: Any) -> Response:
    """An alert's page, with what a step has to say: ``error`` (a key), ``given`` (fields as sent), ``revealed``, ``done``."""
    shown = {**numbers.masked(found.statement), "evidence": found.statement["evidence"]}
    plots = plots_of(shown, person.language, person.zone)
    words = PlotWords(person.language)
    case = cases.read(session, found, person, at)
    mine = case.lease if case.lease is not None and case.lease.user_id == person.user_id else None
    decided = session.get(Decision, more.pop("done", "") or "-")
    context: dict[str, Any] = {"error": None, "given": {}, "revealed": {}, "asked": None, **more}
    return page(
        request,
        "alert.html",
        status,
        alert=found,
        said=shown,
        case=case,
        above=[Markup(figure(plot, words)) for plot in plots if plot.above_fold],
        below=[Markup(figure(plot, words)) for plot in plots if not plot.above_fold],
        mine=mine,
        may_judge=_may_judge(person, case),
        record=deciding.record_of(session, found),
        deliveries=receipts.of_alert(session, found, at),
        reasons=deciding.REASONS,
        form=secrets.token_urlsafe(12),
        undo=undoable(decided, person, at),
        **context,
    )


def undoable(decided: Decision | None, person: Person, at: int) -> dict[str, Any] | None:
    """What the page says of a decision just taken, while its author can take it back."""
    if decided is None or decided.user_id != person.user_id or decided.part not in ("first", "second", "lead"):
        return None
    left = decided.at + UNDO_MS - at
    return {"decision": decided, "left": left} if left > 0 else None


def _may_judge(person: Person, case: cases.Case) -> bool:
    if not person.may("reviewer") or case.judged or case.alert.superseded_by is not None or case.alert.state == "withdrawn":
        return False
    return case.alert.status != "disagreed" or person.may("lead")


def _found(session: Session, alert_id: str) -> Alert:
    found = session.get(Alert, alert_id)
    if found is None:
        raise HTTPException(404)
    return found


@router.post("/alerts/{alert_id}/take")
def take(person: Reviewer, session: Writing, at: Now, alert_id: str, asked: Asked) -> Response:
    """Take the alert in hand; the page says when somebody else has it."""
    _found(session, alert_id)
    leases.take(session, alert_id, person.user_id, at)
    return _back(alert_id, asked.query())


@router.post("/alerts/{alert_id}/release")
def release(person: Reviewer, session: Writing, alert_id: str, asked: Asked) -> Response:
    """Give it back, undecided."""
    leases.release(session, alert_id, person.user_id)
    query = asked.query()
    return RedirectResponse("/queue" + (f"?{query}" if query else ""), 303)


@router.post("/alerts/{alert_id}/notes")
def write(
    request: Request, person: Reviewer, session: Writing, at: Now, alert_id: str, asked: Asked, text: Annotated[str, Form()] = ""
) -> Response:
    """Write a note."""
    found = _found(session, alert_id)
    if text.strip():
        session.add(
            Note(alert_id=alert_id, tenant=found.tenant, licence=found.licence, user_id=person.user_id, at=at, text=text.strip()[:TEXT_MAX])
        )
        note(request, session, person, "alert.note", f"alert/{alert_id}", new=text.strip()[:TEXT_MAX])
    return _back(alert_id, asked.query())


@router.post("/alerts/{alert_id}/reveal")
def reveal(
    request: Request,
    person: Reviewer,
    session: Writing,
    at: Now,
    alert_id: str,
    asked: Asked,
    src: Annotated[str, Form()],
    line: Annotated[int, Form()],
    why: Annotated[str, Form()] = "",
) -> Response:
    """Show the number of an evidence item in clear, once, to one person, for a reason that is kept."""
    found = _found(session, alert_id)
    if not any((item["src"], item["line"]) == (src, line) for item in found.statement["evidence"]):
        raise HTTPException(404)
    if not why.strip():
        return show(request, session, person, found, at, asked=asked, error="no_reason", status=422)
    number = numbers.find(_inputs(session), src)
    if number is None:
        return show(request, session, person, found, at, asked=asked, error="number_gone", status=404)
    session.add(Reveal(user_id=person.user_id, alert_id=alert_id, at=at, src=src[:200], line=line, reason=why.strip()[:TEXT_MAX]))
    note(request, session, person, "number.reveal", f"alert/{alert_id}", new={"src": src, "line": line}, why=why.strip()[:TEXT_MAX])
    session.flush()
    return show(request, session, person, found, at, asked=asked, revealed={(src, line): number})


def _inputs(session: Session) -> list[Path]:
    summary = session.get(Setting, "summary")
    return [Path(one["path"]) for one in summary.value.get("inputs", [])] if summary is not None else []


def _back(alert_id: str, query: str) -> Response:
    return RedirectResponse(f"/alerts/{alert_id}" + (f"?{query}" if query else ""), 303)


def files(request: Request) -> bool:
    """Whether the console shows the results of a run over files."""
    return house(request).settings.data is not None
