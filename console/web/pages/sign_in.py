"""Signing in and out: a one-time link, or a local account with its second factor."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from console import audit
from console.db.tables import User
from console.people import accounts, links, sessions
from console.people.accounts import AccountError
from console.people.limits import LINK, SIGN_IN_ADDRESS, SIGN_IN_LOGIN
from console.people.secrets import new_token
from console.web.access import (
    Now,
    Reading,
    SomePerson,
    StaleForm,
    Writing,
    address,
    anybody,
    check_form,
    cookie_name,
    house,
    request_id,
)
from console.web.render import VISIT, asked_language, page

router = APIRouter()
HOME = "/queue"


@router.get("/")
async def home() -> Response:
    """The first page."""
    return RedirectResponse(HOME, 303)


@router.get("/sign-in")
async def form(request: Request, next: str = "") -> Response:
    """The form for local accounts, and the button of single sign-on."""
    if await anybody(request) is not None:
        return RedirectResponse(safe_path(next), 303)
    return _visited(request, "sign_in.html", next=safe_path(next), error=None, login="")


@router.post("/sign-in")
async def sign_in(
    request: Request,
    login: Annotated[str, Form()] = "",
    password: Annotated[str, Form()] = "",
    code: Annotated[str, Form()] = "",
    next: Annotated[str, Form()] = "",
) -> Response:
    """Sign in with login, password and code."""
    await _check_visit(request)
    limits = house(request).limits
    await run_in_threadpool(limits.count, SIGN_IN_ADDRESS, address(request))
    await run_in_threadpool(limits.count, SIGN_IN_LOGIN, login.strip().lower()[:200])
    token = await run_in_threadpool(_with_password, request, login, password, code)
    if token is None:
        # One message for all: which of the three was wrong is nobody's business.
        return _visited(request, "sign_in.html", 401, next=safe_path(next), error="signin.wrong", login=login[:200])
    return signed_in(request, token, safe_path(next))


def _with_password(request: Request, login: str, password: str, code: str) -> str | None:
    settings = house(request).settings
    with settings.database.writing() as session:
        user = accounts.by_password(session, login, password, code, settings.now())
        if user is None:
            subject = f"user/{login.strip().lower()[:200]}"
            rid, at = request_id(request), settings.now()
            audit.append(session, at=at, who="", what="session.refused", subject=subject, new={"address": address(request)}, request=rid)
            return None
        return begin(request, session, user, "password")


@router.get("/sign-in/link/{token}")
def link(request: Request, token: str, session: Reading, at: Now) -> Response:
    """What a one-time link leads to: a button. Opening it uses nothing up, because mail programs open links, too."""
    found = links.open_link(session, token, at)
    if found is None:
        return _visited(request, "link.html", 410, first=False, over=True, token="", error=None, login="", name="")
    return _visited(request, "link.html", first=found.user_id is None, over=False, token=token, error=None, login="", name="")


@router.post("/sign-in/link/{token}")
async def use_link(
    request: Request,
    token: str,
    login: Annotated[str, Form()] = "",
    name: Annotated[str, Form()] = "",
) -> Response:
    """Use a link up. The first one makes the administrator."""
    await _check_visit(request)
    await run_in_threadpool(house(request).limits.count, LINK, address(request))
    try:
        cookie, first = await run_in_threadpool(_with_link, request, token, login, name)
    except AccountError as error:
        over = error.key.startswith("signin.")
        given = {"login": login[:200], "name": name[:200]}
        return _visited(
            request, "link.html", 410 if over else 422, first=not over, over=over, token=token, error=None if over else error.key, **given
        )
    return signed_in(request, cookie, "/account?welcome=1" if first else HOME)


def _with_link(request: Request, token: str, login: str, name: str) -> tuple[str, bool]:
    settings = house(request).settings
    rid = request_id(request)
    with settings.database.writing() as session:
        language = asked_language(request)
        user = links.use(session, token, now=settings.now(), login=login, name=name, language=language, request=rid)
        return begin(request, session, user, "link"), user.password_hash is None and user.oidc_subject is None


@router.post("/sign-out")
def sign_out(request: Request, person: SomePerson, session: Writing, at: Now) -> Response:
    """End this session."""
    sessions.end(session, person.session_id, who=person.login, now=at, request=request_id(request))
    answer = RedirectResponse("/sign-in", 303)
    answer.delete_cookie(cookie_name(request), path="/", secure=house(request).settings.secure, httponly=True, samesite="lax")
    # What the browser kept of pages seen by this person goes, too.
    answer.headers["Clear-Site-Data"] = '"cache", "storage"'
    return answer


def begin(request: Request, session: Session, user: User, how: str) -> str:
    """Start a session for a request; returns the token for ``signed_in``."""
    return sessions.begin(
        session,
        user,
        how,
        now=house(request).settings.now(),
        address=address(request),
        agent=request.headers.get("user-agent", ""),
        request=request_id(request),
    )


def signed_in(request: Request, token: str, where: str) -> Response:
    """Send a browser on, with its session's cookie."""
    answer = RedirectResponse(where, 303)
    # No lifetime: it goes with the browser. How long it is good for, the database says.
    answer.set_cookie(cookie_name(request), token, path="/", secure=house(request).settings.secure, httponly=True, samesite="lax")
    answer.delete_cookie(VISIT, path="/sign-in")
    return answer


def safe_path(where: str) -> str:
    r"""A path of ours to go on to; anything else (``//evil``, ``/\evil``, a URL) becomes the first page."""
    if where.startswith("/") and not where.startswith(("//", "/\\", "/sign-in")) and where.isprintable():
        return where
    return HOME


def _visited(request: Request, template: str, status: int = 200, **context: object) -> Response:
    """A page for somebody unknown, whose forms are bound to a cookie of this visit."""
    known = VISIT in request.cookies
    if not known:
        request.state.visit = new_token()
    answer = page(request, template, status, oidc=house(request).settings.oidc, **context)
    if not known:
        answer.set_cookie(
            VISIT, request.state.visit, path="/sign-in", secure=house(request).settings.secure, httponly=True, samesite="lax", max_age=3600
        )
    return answer


async def _check_visit(request: Request) -> None:
    visit = request.cookies.get(VISIT)
    if not visit:
        raise StaleForm
    await check_form(request, visit)
