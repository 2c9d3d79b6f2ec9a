"""People: who has an account, with which rights and sessions; for administrators."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from console.db.tables import ROLES, User
from console.people import accounts, links, sessions
from console.people.accounts import AccountError
from console.web.access import Administrator, Now, Reading, Writing, house, request_id
from console.web.render import page, words_of

router = APIRouter()


@router.get("/people")
def people(request: Request, person: Administrator, session: Reading, at: Now) -> Response:
    """Everybody."""
    return _page(request, session, at)


def _page(
    request: Request, session: Session, at: int, status: int = 200, error: str | None = None, link: str = "", of: str = ""
) -> Response:
    users = session.scalars(select(User).order_by(User.active.desc(), User.login)).all()
    open_: dict[int, list[object]] = {}
    for row in sessions.open_sessions(session, at):
        open_.setdefault(row.user_id, []).append(row)
    return page(request, "people.html", status, users=users, open=open_, roles=ROLES, error=error, link=link, link_of=of)


@router.post("/people")
def create(
    request: Request,
    person: Administrator,
    session: Writing,
    at: Now,
    login: Annotated[str, Form()],
    name: Annotated[str, Form()],
    role: Annotated[list[str] | None, Form()] = None,
) -> Response:
    """Make an account, and show the link that its owner comes in by: shown once, good for ten minutes."""
    rid = request_id(request)
    try:
        user = accounts.create(
            session,
            login=login,
            name=name,
            roles=role or [],
            who=person.login,
            now=at,
            language=words_of(request).language,
            request=rid,
        )
    except AccountError as error:
        return _page(request, session, at, 422, error=error.key)
    token = links.new_link(session, user, who=person.login, now=at, purpose="invite", request=rid)
    return _page(request, session, at, link=_address(request, token), of=user.login)


@router.post("/people/{login}/link")
def link(request: Request, person: Administrator, session: Writing, at: Now, login: str) -> Response:
    """A new link for somebody who cannot get in."""
    user = _user(session, login)
    token = links.new_link(session, user, who=person.login, now=at, request=request_id(request))
    return _page(request, session, at, link=_address(request, token), of=user.login)


@router.post("/people/{login}/roles")
def roles(
    request: Request,
    person: Administrator,
    session: Writing,
    at: Now,
    login: str,
    role: Annotated[list[str] | None, Form()] = None,
    why: Annotated[str, Form()] = "",
) -> Response:
    """Give somebody these roles and no others."""
    try:
        accounts.set_roles(session, _user(session, login), role or [], who=person.login, now=at, why=why, request=request_id(request))
    except AccountError as error:
        return _page(request, session, at, 422, error=error.key)
    return RedirectResponse("/people", 303)


@router.post("/people/{login}/active")
def active(
    request: Request, person: Administrator, session: Writing, at: Now, login: str, active: Annotated[bool, Form()] = False
) -> Response:
    """Close an account, which ends its sessions, or open it again."""
    user = _user(session, login)
    rid = request_id(request)
    try:
        accounts.set_active(session, user, active, who=person.login, now=at, request=rid)
    except AccountError as error:
        return _page(request, session, at, 422, error=error.key)
    if not active:
        sessions.end_all(session, user, who=person.login, now=at, request=rid, why="account closed")
    return RedirectResponse("/people", 303)


@router.post("/people/sessions/{session_id}/end")
def end(request: Request, person: Administrator, session: Writing, at: Now, session_id: str) -> Response:
    """End somebody's session, wherever they are in it."""
    sessions.end(session, session_id, who=person.login, now=at, request=request_id(request))
    return RedirectResponse("/people", 303)


def _user(session: Session, login: str) -> User:
    user = session.scalar(select(User).where(User.login == login))
    if user is None:
        raise HTTPException(404)
    return user


def _address(request: Request, token: str) -> str:
    return f"{house(request).settings.origin}/sign-in/link/{token}"
