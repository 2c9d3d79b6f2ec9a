"""An alert on one screen: claim, money, for and against, plots, past and similar cases, customer, decision, timeline."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Form, Request
from markupsafe import Markup
from sqlalchemy.orm import Session
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from console import receipts
from console.db.tables import Alert, Decision, Note, Reveal, Setting, Suspension, View
from console.people.person import Person
from console.plots.by_rule import plots_of
from console.plots.plot import figure
from console.plots.words import Words as PlotWords
from console.review import case as cases
from console.review import deciding, kept, leases, numbers, telling
from console.review.errors import ReviewError
from console.sentences import Sentences
from console.settings import Settings
from console.web.access import Now, Reading, Reviewer, SomePerson, Writing, house, note
from console.web.pages.queue import Asked
from console.web.render import page, words_of
from console.web.undoing import undoable

router = APIRouter()
#: A reason to see a number, a note: as long as a sentence or two.
TEXT_MAX = 4_000
#: Answers to a number that cannot be shown, besides 404.
STATUSES = {"no_reason": 422, "broker_silent": 503}


@router.get("/alerts/{alert_id}")
def alert(request: Request, person: SomePerson, session: Writing, at: Now, alert_id: str, asked: Asked, done: str = "") -> Response:
    """The page. Looking is written down, too."""
    found = _found(session, alert_id)
    session.add(View(user_id=person.user_id, alert_id=alert_id, at=at))
    return show(request, session, person, found, at, asked=asked, done=done)


@router.get("/alerts/{alert_id}/receipts")
def receipts_now(request: Request, person: SomePerson, session: Reading, at: Now, alert_id: str) -> Response:
    """What telephone systems did with the alert's decisions, as a part of its page: a page that is open asks again."""
    found = _found(session, alert_id)
    answer = page(request, "receipts_now.html", deliveries=receipts.of_alert(session, found, at))
    # Another one than the page was made with: its restriction and its keys are out of date.
    answer.headers["X-Vigie-Standing"] = _standing(deciding.record_of(session, found))
    return answer


def show(request: Request, session: Session, person: Person, found: Alert, at: int, *, status: int = 200, **more: Any) -> Response:
    """An alert's page, with what a step has to say: ``error`` (a key), ``given`` (fields as sent), ``revealed``, ``done``."""
    shown = {**numbers.masked(found.statement), "evidence": found.statement["evidence"]}
    plots = plots_of(shown, person.language, person.zone)
    words = PlotWords(person.language)
    case = cases.read(session, found, person, at)
    mine = case.lease if case.lease is not None and case.lease.user_id == person.user_id else None
    decided = session.get(Decision, more.pop("done", "") or "-")
    record = deciding.record_of(session, found)
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
        record=record,
        standing=_standing(record),
        deliveries=receipts.of_alert(session, found, at),
        reasons=deciding.REASONS,
        told=telling.read(session, found, at),
        sentence=Sentences(words_of(request)).shown,
        form=secrets.token_urlsafe(12),
        undo=undoable(decided, person, at),
        **context,
    )


def _standing(record: Suspension | None) -> str:
    return f"{record.epoch}.{record.sequence}" if record is not None else ""


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


@router.post("/alerts/{alert_id}/notice")
def tell(
    request: Request,
    person: Reviewer,
    session: Writing,
    at: Now,
    alert_id: str,
    asked: Asked,
    how: Annotated[Literal["mail", "hand"], Form()],
    language: Annotated[str, Form()] = "",
    address: Annotated[str, Form()] = "",
    way: Annotated[str, Form()] = "",
    form: Annotated[str, Form()] = "",
) -> Response:
    """Send the notice to the customer, or keep how it was sent."""
    found = _found(session, alert_id)
    try:
        row = telling.send(
            session, person, found, language, how, address if how == "mail" else way, form[:64] or secrets.token_urlsafe(12), at
        )
    except ReviewError as error:
        given = {"language": language, "address": address, "way": way}
        return show(request, session, person, found, at, asked=asked, error=error.key, given=given, status=422)
    said = {"decision_id": row.decision_id, "how": how, "language": language, "address": row.address}
    note(request, session, person, "notice.send", f"alert/{alert_id}", new=said)
    return _back(alert_id, asked.query())


@router.post("/alerts/{alert_id}/reveal")
def reveal(
    request: Request,
    person: Reviewer,
    at: Now,
    alert_id: str,
    asked: Asked,
    src: Annotated[str, Form()],
    line: Annotated[int, Form()],
    why: Annotated[str, Form()] = "",
) -> Response:
    """Show the number of an evidence item in clear, once, to one person, for a reason that is kept."""
    settings = house(request).settings
    with settings.database.reading() as session:
        items = [one for one in _found(session, alert_id).statement["evidence"] if (one["src"], one["line"]) == (src, line)]
        inputs = _inputs(session)
    if not items:
        raise HTTPException(404)
    # Looked up outside of any transaction: the broker may take seconds, and on SQLite everybody else would wait for them.
    number, fault = _in_clear(settings, inputs, items[0]) if why.strip() else (None, "no_reason")
    with settings.database.writing() as session:
        found = _found(session, alert_id)
        if number is None:
            return show(request, session, person, found, at, asked=asked, error=fault, status=STATUSES.get(fault, 404))
        session.add(Reveal(user_id=person.user_id, alert_id=alert_id, at=at, src=src[:200], line=line, reason=why.strip()[:TEXT_MAX]))
        note(request, session, person, "number.reveal", f"alert/{alert_id}", new={"src": src, "line": line}, why=why.strip()[:TEXT_MAX])
        session.flush()
        return show(request, session, person, found, at, asked=asked, revealed={(src, line): number})


def _in_clear(settings: Settings, inputs: list[Path], item: dict[str, Any]) -> tuple[str | None, str]:
    """The number of an evidence item, or why it cannot be shown (a key of the texts)."""
    if settings.kafka is None:
        return numbers.find(inputs, item["src"], item["number"]), "number_gone"
    try:
        kept_ = kept.record(settings.kafka, item["src"], item["line"])
    except ReviewError as error:
        return None, error.key
    return numbers.whole(kept_, item["number"]) if kept_ is not None else None, "number_not_there"


def _inputs(session: Session) -> list[Path]:
    summary = session.get(Setting, "summary")
    return [Path(one["path"]) for one in summary.value.get("inputs", [])] if summary is not None else []


def _back(alert_id: str, query: str) -> Response:
    return RedirectResponse(f"/alerts/{alert_id}" + (f"?{query}" if query else ""), 303)


def files(request: Request) -> bool:
    """Whether the console shows the results of a run over files."""
    return house(request).settings.data is not None
