"""A person's own account: language, appearance, zone, password with second factor, sessions."""

from __future__ import annotations

from typing import Annotated
from zoneinfo import available_timezones

import segno
from fastapi import APIRouter, Form, Request
from markupsafe import Markup
from sqlalchemy.orm import Session
from starlette.responses import RedirectResponse, Response

from console.db.tables import LANGUAGES, THEMES, User
from console.people import accounts, sessions
from console.people.accounts import AccountError
from console.people.limits import SIGN_IN_LOGIN
from console.people.person import Person
from console.web.access import Now, Reading, SomePerson, Writing, house, request_id
from console.web.pages.sign_in import safe_path
from console.web.render import page

router = APIRouter()


@router.get("/account")
def account(request: Request, person: SomePerson, session: Reading, at: Now, welcome: str = "") -> Response:
    """The account, and a new secret for an authenticator app."""
    return _page(request, person, session, at, welcome=bool(welcome))


def _page(
    request: Request,
    person: Person,
    session: Session,
    at: int,
    *,
    status: int = 200,
    secret: str = "",
    error: str | None = None,
    welcome: bool = False,
) -> Response:
    user = session.get_one(User, person.user_id)
    secret = secret or accounts.new_totp()
    drawing = segno.make(accounts.totp_uri(secret, user.login), micro=False)
    return page(
        request,
        "account.html",
        status,
        user=user,
        sessions=sessions.open_sessions(session, at, user.user_id),
        zones=sorted(
            zone for zone in available_timezones() if "/" in zone and not zone.startswith(("Etc/", "SystemV/", "posix/", "right/"))
        ),
        # The form brings the secret back signed: what is enrolled is what was shown here, to this session.
        secret=secret,
        sealed=house(request).signer.state({"secret": secret, "for": person.session_id}),
        drawing=Markup(drawing.svg_inline(svgclass="qr", lineclass=None, border=2, omitsize=True)),
        error=error,
        welcome=welcome,
    )


@router.post("/account")
def save(
    request: Request,
    person: SomePerson,
    session: Writing,
    language: Annotated[str, Form()],
    theme: Annotated[str, Form()],
    zone: Annotated[str, Form()],
) -> Response:
    """Language, appearance and zone."""
    user = session.get_one(User, person.user_id)
    if language in LANGUAGES and theme in THEMES and zone in available_timezones():
        user.language, user.theme, user.zone = language, theme, zone
    return RedirectResponse("/account", 303)


@router.post("/account/theme")
def theme(person: SomePerson, session: Writing, theme: Annotated[str, Form()], next: Annotated[str, Form()] = "") -> Response:
    """Appearance alone, by the button on every page."""
    if theme in THEMES:
        session.get_one(User, person.user_id).theme = theme
    return RedirectResponse(safe_path(next), 303)


@router.post("/account/password")
def password(
    request: Request,
    person: SomePerson,
    session: Writing,
    at: Now,
    sealed: Annotated[str, Form()],
    code: Annotated[str, Form()],
    password: Annotated[str, Form()] = "",
) -> Response:
    """Set the local password and the second factor; other sessions of the account end."""
    house(request).limits.count(SIGN_IN_LOGIN, f"{person.login} sets a password")
    kept = house(request).signer.read_state(sealed, 3600) or {}
    if kept.get("for") != person.session_id:
        return _page(request, person, session, at, status=422, error="account.took_too_long")
    user = session.get_one(User, person.user_id)
    try:
        accounts.set_password(session, user, password, kept["secret"], code, now=at, request=request_id(request))
    except AccountError as error:
        return _page(request, person, session, at, status=422, secret=kept["secret"], error=error.key)
    sessions.end_all(session, user, who=person.login, now=at, but=person.session_id, request=request_id(request), why="password set")
    return RedirectResponse("/account", 303)


@router.post("/account/sessions/{session_id}/end")
def end(request: Request, person: SomePerson, session: Writing, at: Now, session_id: str) -> Response:
    """End another session of one's own."""
    if session_id in {row.session_id for row in sessions.open_sessions(session, at, person.user_id)}:
        sessions.end(session, session_id, who=person.login, now=at, request=request_id(request))
    return RedirectResponse("/account", 303)
