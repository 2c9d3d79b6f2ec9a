"""The queue: alerts that wait for a person, overdue first, then by expected loss; and the next one, with a key."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response, StreamingResponse

from console.db.tables import WAITING, Decision
from console.people import sessions
from console.people.person import Person
from console.plots.sparkline import sparkline
from console.review import queue as queues
from console.review.queue import Filters
from console.web.access import Now, Reading, Reviewer, SomePerson, Writing, cookie_name, house, require
from console.web.render import page, words_of
from console.web.undoing import undoable

router = APIRouter()
#: Seconds between counts that go to open pages.
EVERY_S = 5


def filters(rule: str = "", level: str = "", tenant: str = "", status: str = "", overdue: str = "", mine: str = "") -> Filters:
    """The filters of an address."""
    return Filters(rule, level, tenant, status, overdue and "1", mine and "1")


Asked = Annotated[Filters, Depends(filters)]


@router.get("/queue")
def queue(request: Request, person: SomePerson, session: Reading, at: Now, asked: Asked, empty: str = "", done: str = "") -> Response:
    """Alerts to judge; after the last one also the offer to take that decision back."""
    shown = queues.read(session, person, asked, at)
    title = words_of(request).t("queue.course")
    lines = {
        alert.alert_id: sparkline(f"course-{place}", shown.courses.get(alert.alert_id, []), title, alert.limit)
        for place, alert in enumerate(shown.alerts)
    }
    undo = undoable(session.get(Decision, done or "-"), person, at)
    statuses = (*WAITING, "watch")
    return page(request, "queue.html", shown=shown, lines=lines, asked=asked, statuses=statuses, nothing_free=bool(empty), undo=undo)


@router.post("/queue/next")
def take_next(person: Reviewer, session: Writing, at: Now, asked: Asked) -> Response:
    """Take the next alert: the first of this queue that nobody holds."""
    return onward(queues.pull(session, person, asked, at), asked)


def onward(alert_id: str | None, asked: Filters, **more: str) -> Response:
    """To an alert, or back to the queue when none is free; the filters go along."""
    query = asked.query(**more) if alert_id else asked.query(**more, empty="1")
    return RedirectResponse((f"/alerts/{alert_id}" if alert_id else "/queue") + (f"?{query}" if query else ""), 303)


@router.get("/queue/counts")
async def counts(request: Request, person: Annotated[Person, Depends(require())]) -> Response:
    """How many wait, as server-sent events while a page is open; they end with the person's session."""
    return StreamingResponse(_counts(request), media_type="text/event-stream")


async def _counts(request: Request) -> AsyncIterator[str]:
    last: tuple[int, int] | None = None
    while not await request.is_disconnected():
        found = await run_in_threadpool(_count, request)
        if found is None:
            yield "event: over\ndata: {}\n\n"
            return
        yield f"event: counts\ndata: {json.dumps({'total': found[0], 'overdue': found[1]})}\n\n" if found != last else ": still here\n\n"
        last = found
        await asyncio.sleep(EVERY_S)


def _count(request: Request) -> tuple[int, int] | None:
    """What waits; ``None`` once the session is over. An open page is nobody at work: it does not keep the session alive."""
    settings = house(request).settings
    with settings.database.reading() as session:
        if sessions.current(session, request.cookies.get(cookie_name(request), ""), settings.now()) is None:
            return None
        return queues.counts(session, settings.now())
