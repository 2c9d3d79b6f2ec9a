"""Single sign-on: away to the provider and back (OpenID Connect, authorization code with PKCE)."""

from __future__ import annotations

import logging
from typing import Any

from authlib.common.errors import AuthlibBaseError
from authlib.integrations.starlette_client import OAuth
from fastapi import APIRouter, Request
from httpx2 import HTTPError
from joserfc.errors import JoseError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import Response

from console.people import oidc as providers
from console.people.accounts import AccountError
from console.people.limits import LINK
from console.settings import Oidc
from console.web.access import address, house, request_id
from console.web.pages.sign_in import begin, safe_path, signed_in
from console.web.render import asked_language, page

router = APIRouter()
log = logging.getLogger(__name__)
STATE = "vigie-state"
#: Seconds a person may take at the provider.
AWAY_S = 600
#: Seconds to wait for the provider, which is asked while a person waits.
PATIENCE_S = 10


@router.get("/sign-in/oidc")
async def leave(request: Request, next: str = "") -> Response:
    """Send the browser to the provider."""
    provider = _client(request)
    await run_in_threadpool(house(request).limits.count, LINK, address(request))
    kept: dict[str, Any] = {}
    # Authlib keeps state, nonce and verifier in what it takes for the session; ours is a signed cookie for this one trip.
    request.scope["session"] = kept
    back = house(request).settings.origin + "/sign-in/oidc/back"
    try:
        answer: Response = await provider.authorize_redirect(request, back)
    except (HTTPError, AuthlibBaseError, ValueError) as error:
        return _failed(request, error)
    signed = house(request).signer.state({"kept": kept, "next": safe_path(next)})
    secure = house(request).settings.secure
    answer.set_cookie(STATE, signed, path="/sign-in/oidc", secure=secure, httponly=True, samesite="lax", max_age=AWAY_S)
    return answer


@router.get("/sign-in/oidc/back")
async def back(request: Request) -> Response:
    """Take a browser back, with the code that the provider gave it."""
    provider = _client(request)
    await run_in_threadpool(house(request).limits.count, LINK, address(request))
    state = house(request).signer.read_state(request.cookies.get(STATE, ""), AWAY_S)
    if state is None:
        return page(request, "oidc_failed.html", 400, key="signin.oidc_too_late")
    request.scope["session"] = state["kept"]
    try:
        token = await provider.authorize_access_token(request)
        claims = token["userinfo"]
    # No `userinfo`: the provider answered without an ID token, so it has proved nothing.
    except (HTTPError, AuthlibBaseError, JoseError, KeyError, ValueError) as error:
        return _failed(request, error)
    try:
        session_token = await run_in_threadpool(_arrive, request, claims)
    except AccountError as error:
        return page(request, "oidc_failed.html", 403, key=error.key)
    answer = signed_in(request, session_token, safe_path(state["next"]))
    answer.delete_cookie(STATE, path="/sign-in/oidc")
    return answer


def _arrive(request: Request, claims: dict[str, Any]) -> str:
    settings = house(request).settings
    assert settings.oidc is not None
    language = asked_language(request)
    with settings.database.writing() as session:
        at, rid = settings.now(), request_id(request)
        user = providers.arrive(session, settings.oidc, claims, now=at, language=language, request=rid)
        return begin(request, session, user, "oidc")


def _client(request: Request) -> Any:
    settings = house(request).settings
    if settings.oidc is None:
        raise HTTPException(404)
    state = request.app.state
    if not hasattr(state, "oidc"):
        state.oidc = register(settings.oidc)
    return state.oidc


def register(oidc: Oidc) -> Any:
    """Authlib's client of a provider; its metadata are asked for at the first sign-in."""
    return OAuth().register(
        name="oidc",
        server_metadata_url=oidc.issuer.rstrip("/") + "/.well-known/openid-configuration",
        client_id=oidc.client_id,
        client_secret=oidc.client_secret,
        client_kwargs={"scope": "openid profile email", "code_challenge_method": "S256", "timeout": PATIENCE_S},
    )


def _failed(request: Request, error: Exception) -> Response:
    # The reason is the operator's: it may name what the provider holds.
    log.warning("single sign-on failed (request %s): %s: %s", request_id(request), type(error).__name__, error)
    return page(request, "oidc_failed.html", 502, key="signin.oidc_failed")
