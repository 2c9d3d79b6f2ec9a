"""A small provider of single sign-on: authorization code with PKCE, as OpenID Connect Core asks, and ways to misbehave."""

from __future__ import annotations

import base64
import hashlib
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from support.console import run
from vigie.dev.process import LOOPBACK, free_port

CLIENT, SECRET = "vigie", "between us"
SOMEBODY = {"sub": "u-1", "preferred_username": "mina", "name": "Mina", "groups": ["fraud"]}


@dataclass
class Provider:
    """Says that whoever comes is ``claims``. ``spoil`` is merged into the ID token last, to make it a wrong one."""

    port: int = field(default_factory=free_port)
    claims: dict[str, Any] = field(
        default_factory=lambda: {"sub": "u-1", "preferred_username": "mina", "name": "Mina", "groups": ["fraud"]}
    )
    spoil: dict[str, Any] = field(default_factory=dict)
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "k1", "use": "sig", "alg": "RS256"}, auto_kid=False))
    #: Signs with another key than the one that is published.
    forge: bool = False
    codes: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def issuer(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"

    def app(self) -> Starlette:
        routes = [
            Route("/.well-known/openid-configuration", self._metadata),
            Route("/keys", self._keys),
            Route("/authorize", self._authorize),
            Route("/token", self._token, methods=["POST"]),
        ]
        return Starlette(routes=routes)

    async def _metadata(self, request: Request) -> Response:
        known = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "code_challenge_methods_supported": ["S256"],
        }
        return JSONResponse(known)

    async def _keys(self, request: Request) -> Response:
        return JSONResponse(KeySet([self.key]).as_dict(private=False))

    async def _authorize(self, request: Request) -> Response:
        asked = dict(request.query_params)
        if asked["client_id"] != CLIENT or asked["response_type"] != "code" or asked["code_challenge_method"] != "S256":
            return JSONResponse({"error": "invalid_request"}, 400)
        code = secrets.token_urlsafe()
        self.codes[code] = asked
        return RedirectResponse(f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}", 302)

    async def _token(self, request: Request) -> Response:
        form = await request.form()
        asked = self.codes.pop(str(form.get("code")), None)
        given = base64.b64decode(request.headers["authorization"].removeprefix("Basic ")).decode()
        challenge = base64.urlsafe_b64encode(hashlib.sha256(str(form["code_verifier"]).encode()).digest()).rstrip(b"=").decode()
        if asked is None or (given != f"{CLIENT}:{SECRET.replace(' ', '+')}" and given != f"{CLIENT}:{SECRET}"):
            return JSONResponse({"error": "invalid_client"}, 401)
        if challenge != asked["code_challenge"] or form["redirect_uri"] != asked["redirect_uri"]:
            return JSONResponse({"error": "invalid_grant"}, 400)
        now = int(time.time())
        claims = {"iss": self.issuer, "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": asked["nonce"], **self.claims, **self.spoil}
        key = RSAKey.generate_key(2048, {"kid": "k1"}, auto_kid=False) if self.forge else self.key
        token = jwt.encode({"alg": "RS256", "kid": "k1"}, claims, key)
        return JSONResponse({"access_token": secrets.token_urlsafe(), "token_type": "Bearer", "expires_in": 300, "id_token": token})


@contextmanager
def provider() -> Iterator[Provider]:
    """A provider that is running."""
    made = Provider()
    with run(made.app(), made.port):
        yield made
