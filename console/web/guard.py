"""What every request passes before any page: host, size, where it comes from; and the headers every answer carries.

Cross-site requests are refused by what browsers say themselves (``Sec-Fetch-Site``, else ``Origin``); forms carry a signed token
besides (``console.web.forms``), and the cookie is ``SameSite=Lax``: each alone has had its holes.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from console.settings import Settings

log = logging.getLogger(__name__)
#: A policy is the largest thing a form carries; contracts cut an object at 64 KiB.
BODY = 1 << 20
SAFE = ("GET", "HEAD", "OPTIONS")
#: Everything from here and nothing inline: a script smuggled into a page by a phone's User-Agent has nowhere to run.
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "font-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Not "no-referrer": with it browsers send `Origin: null` from our own forms. Addresses of ours reach nobody else.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
}


class Guard:
    """ASGI middleware around the whole application. Sets ``request.state.request_id``.

    Args:
        app: the application.
        settings: host and origin are taken from there.
        failed: makes the answer when a page raised something unexpected. Here and not as a handler of Starlette's, which would
            answer outside of this guard: the one page that shows least what it holds would go out without its headers.
    """

    def __init__(self, app: ASGIApp, settings: Settings, failed: Callable[[Request], Awaitable[Response]]) -> None:
        self.app, self._failed = app, failed
        self._host, self._origin = settings.host, settings.origin
        self._more = {"Strict-Transport-Security": "max-age=31536000"} if settings.secure else {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        request_id = secrets.token_hex(8)
        scope.setdefault("state", {})["request_id"] = request_id
        refusal = self._refusal(scope, headers)
        size, started = 0, False

        async def counted() -> Message:
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            if size > BODY:
                # The length was not announced, or was a lie: nobody waits for the rest.
                return {"type": "http.disconnect"}
            return message

        async def sent(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                out = MutableHeaders(scope=message)
                for name, value in {**HEADERS, **self._more, "X-Request-Id": request_id}.items():
                    out[name] = value
                # Pages hold personal data; only what names itself by its content may stay in a cache.
                out.setdefault("Cache-Control", "no-store")
            await send(message)

        if refusal is not None:
            await refusal(scope, receive, sent)
            return
        try:
            await self.app(scope, counted, sent)
        except Exception:
            log.exception("request %s: %s %s failed", request_id, scope["method"], scope["path"])
            if not started:
                answer = await self._failed(Request(scope))
                await answer(scope, receive, sent)

    def _refusal(self, scope: dict[str, Any] | Scope, headers: Headers) -> ASGIApp | None:
        if headers.get("host", "").lower() != self._host and scope["path"] != "/health":
            return PlainTextResponse(f"This console is at {self._origin}\n", 421)
        length = headers.get("content-length", "0")
        if not length.isdigit() or int(length) > BODY:
            return PlainTextResponse("Too large\n", 413)
        # A program that presents a token of its own has no cookie that another site could ride on.
        if scope["method"] in SAFE or headers.get("authorization", "").startswith("Bearer "):
            return None
        site, origin = headers.get("sec-fetch-site"), headers.get("origin")
        ours = site == "same-origin" if site is not None else origin == self._origin
        if not ours or (origin is not None and origin != self._origin):
            return PlainTextResponse("Refused: this request comes from another site\n", 403)
        return None
