"""What pages ask of a request, as FastAPI dependencies: the database, who it is, and whether they may.

    @router.get("/queue")
    def queue(request: Request, person: Reviewer, session: Reading) -> HTMLResponse: ...

    @router.post("/people/{login}/roles")
    def roles(person: Annotated[Person, Depends(require("administrator"))], session: Writing, ...) -> RedirectResponse: ...

``require`` also checks the form's token on every request that changes something, so no page can forget it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Annotated, cast

from fastapi import Depends, Request
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool

from console import audit
from console.people import sessions
from console.people.limits import Limits
from console.people.person import Person
from console.settings import Settings
from console.web.forms import Signer
from console.web.guard import SAFE


class NotSignedIn(Exception):
    """Nobody is signed in, or the session is over: a page answers with the sign-in page, the API with 401."""


class Forbidden(Exception):
    """The person lacks a role; ``roles`` would do."""

    def __init__(self, roles: tuple[str, ...]) -> None:
        super().__init__(", ".join(roles))
        self.roles = roles


class StaleForm(Exception):
    """The form's token is missing or another session's: the page was open while somebody else signed in."""


@dataclass(frozen=True)
class House:
    """What the application shares with its pages."""

    settings: Settings
    signer: Signer
    limits: Limits


def house(request: Request) -> House:
    """The application's house."""
    return cast(House, request.app.state.house)


def now(request: Request) -> int:
    """Milliseconds UTC, by the console's clock."""
    return house(request).settings.now()


def cookie_name(request: Request) -> str:
    """The session's cookie. Browsers take a ``__Host-`` one only over HTTPS, from us alone and for all of our paths."""
    return "__Host-vigie" if house(request).settings.secure else "vigie"


def address(request: Request) -> str:
    """Where a request comes from."""
    return request.client.host if request.client else ""


def reading(request: Request) -> Iterator[Session]:
    """A session for queries."""
    with house(request).settings.database.reading() as session:
        yield session


def writing(request: Request) -> Iterator[Session]:
    """A session in one transaction, committed before the answer leaves."""
    with house(request).settings.database.writing() as session:
        yield session


Reading = Annotated[Session, Depends(reading)]
# "function": the commit comes before the answer. By default it would come after, and a failed one would have said "done".
Writing = Annotated[Session, Depends(writing, scope="function")]
Now = Annotated[int, Depends(now)]


async def anybody(request: Request) -> Person | None:
    """Who is signed in, if anybody."""
    if not hasattr(request.state, "person"):
        request.state.person = await run_in_threadpool(_find, request)
    return cast("Person | None", request.state.person)


def _find(request: Request) -> Person | None:
    token = request.cookies.get(cookie_name(request))
    if not token:
        return None
    database, at = house(request).settings.database, now(request)
    with database.reading() as session:
        found = sessions.current(session, token, at)
    if found is None:
        return None
    person, due = found
    if due:
        with database.writing() as session:
            sessions.seen(session, person.session_id, at)
    return person


def require(*roles: str) -> Callable[[Request], Awaitable[Person]]:
    """A dependency: the person signed in, who must have one of the roles (none: anybody with an account).

    Raises:
        NotSignedIn: nobody is.
        Forbidden: they have none of the roles.
        StaleForm: a request that changes something came without the token of this session's forms.
    """

    async def check(request: Request) -> Person:
        person = await anybody(request)
        if person is None:
            raise NotSignedIn
        await check_form(request, person.session_id)
        if roles and not person.may(*roles):
            raise Forbidden(roles)
        return person

    return check


async def check_form(request: Request, bound_to: str) -> None:
    """Refuse a request that changes something without the token of our own forms (``csrf``, or ``X-CSRF`` from our script).

    Raises:
        StaleForm: it is missing or another session's.
    """
    if request.method in SAFE:
        return
    token = request.headers.get("x-csrf") or (await request.form()).get("csrf", "")
    if not isinstance(token, str) or not house(request).signer.is_form_token(token, bound_to):
        raise StaleForm


SomePerson = Annotated[Person, Depends(require())]
Reviewer = Annotated[Person, Depends(require("reviewer"))]
Administrator = Annotated[Person, Depends(require("administrator"))]


def note(
    request: Request,
    session: Session,
    person: Person,
    what: str,
    subject: str,
    *,
    old: object = None,
    new: object = None,
    why: str = "",
) -> None:
    """A row of the audit log on behalf of a request."""
    audit.append(
        session, at=now(request), who=person.login, what=what, subject=subject, old=old, new=new, why=why, request=request_id(request)
    )


def request_id(request: Request) -> str:
    """The id of a request, as in its answer's ``X-Request-Id``."""
    return str(request.state.request_id)
