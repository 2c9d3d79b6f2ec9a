"""The application: pages, guard, errors, put together by ``create_app``."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlencode

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, RedirectResponse, Response

from console.filing import FileSender
from console.people.limits import Limits, TooOften
from console.people.secrets import signing_key
from console.settings import Settings
from console.web import static_files
from console.web.access import Forbidden, House, NotSignedIn, StaleForm, anybody
from console.web.api import v1, writes
from console.web.api.problems import problem
from console.web.forms import Signer
from console.web.guard import SAFE, Guard
from console.web.pages import (
    account,
    alert,
    audit_log,
    bulk,
    decide,
    health,
    keys,
    people,
    policies,
    queue,
    sign_in,
    single_sign_on,
    systems,
    tokens,
    what_if,
)
from console.web.render import page

PAGES = (health, sign_in, single_sign_on, queue, alert, decide, bulk, account, keys, people, audit_log, systems, what_if, policies, tokens)


def create_app(settings: Settings) -> FastAPI:
    """The console as an ASGI application, on a database whose schema is up to date (``console.db.migrate``)."""
    app = FastAPI(title="vigie", lifespan=_running, openapi_url=None, docs_url=None, redoc_url=None)
    app.state.house = House(settings, Signer(signing_key(settings.database, settings.now())), Limits(settings.redis))
    app.include_router(static_files.router)
    for module in PAGES:
        app.include_router(module.router, include_in_schema=False)
    # Reads and writes: the second module adds to the router of the first.
    app.include_router(writes.router)
    app.include_router(v1.pages, include_in_schema=False)
    app.add_exception_handler(v1.ScopeMissing, v1.scope_missing)
    app.add_exception_handler(NotSignedIn, _not_signed_in)
    app.add_exception_handler(Forbidden, _forbidden)
    app.add_exception_handler(StaleForm, _stale_form)
    app.add_exception_handler(TooOften, _too_often)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _malformed)
    app.add_middleware(Guard, settings=settings, failed=_failed)
    return app


@asynccontextmanager
async def _running(app: FastAPI) -> AsyncIterator[None]:
    """While the server runs over a run's results, decisions go to their file."""
    settings = app.state.house.settings
    sender = FileSender(settings) if settings.data is not None else None
    if sender is not None:
        sender.start()
    try:
        yield
    finally:
        if sender is not None:
            sender.stop()


def _program(request: Request) -> bool:
    return request.url.path.startswith("/api/")


async def _answer(request: Request, status: int, key: str, headers: dict[str, str] | None = None, **values: object) -> Response:
    """An error as a page, or as JSON for programs and our script."""
    if _program(request):
        return problem(request, status, key, headers, **values)
    if "text/html" not in request.headers.get("accept", "*/*").replace("*/*", "text/html"):
        return JSONResponse({"error": key, "request": request.state.request_id, **values}, status, headers)
    await anybody(request)
    answer = page(request, "error.html", status, key=key, values=values, request_id=request.state.request_id)
    answer.headers.update(headers or {})
    return answer


async def _not_signed_in(request: Request, _: Exception) -> Response:
    if _program(request):
        return problem(request, 401, "not_signed_in", {"WWW-Authenticate": "Bearer"})
    if request.headers.get("sec-fetch-dest", "document") != "document":
        return JSONResponse({"error": "not_signed_in"}, 401)
    # Only what a browser can ask for again: a form that was sent is gone.
    where = request.url.path + (f"?{request.url.query}" if request.url.query else "") if request.method in SAFE else ""
    return RedirectResponse("/sign-in" + (f"?{urlencode({'next': where})}" if where not in ("", "/") else ""), 303)


async def _forbidden(request: Request, error: Exception) -> Response:
    assert isinstance(error, Forbidden)
    return await _answer(request, 403, "forbidden", roles=list(error.roles))


async def _stale_form(request: Request, _: Exception) -> Response:
    return await _answer(request, 403, "stale_form")


async def _too_often(request: Request, error: Exception) -> Response:
    assert isinstance(error, TooOften)
    return await _answer(request, 429, "too_often", {"Retry-After": str(error.wait_s)}, seconds=error.wait_s)


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return await _answer(request, error.status_code, "not_found" if error.status_code == 404 else "refused", dict(error.headers or {}))


async def _malformed(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    if _program(request):
        faults = [{"at": ".".join(map(str, one["loc"])), "what": one["msg"]} for one in error.errors()]
        return problem(request, 422, "malformed", faults=faults)
    return await _answer(request, 422, "malformed")


async def _failed(request: Request) -> Response:
    return await _answer(request, 500, "failed")
