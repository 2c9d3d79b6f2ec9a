"""Errors for programs, as ``application/problem+json`` (RFC 9457)."""

from __future__ import annotations

from typing import Any

from fastapi import Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse

from console.texts import Texts

MEDIA = "application/problem+json"


class Problem(BaseModel):
    """What went wrong. Nothing was done, unless ``status`` is 500 or more and says otherwise."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(description="Names the kind of problem: `urn:vigie:problem:` and the word of `error`.")
    title: str
    status: int
    detail: str = Field(description="For persons, in English.")
    error: str = Field(description="The same kind in one word, for programs.")
    request: str = Field(description="The request's id, as in its `X-Request-Id` and in the server's log.")


def problem(request: Request, status: int, key: str, headers: dict[str, str] | None = None, **more: object) -> JSONResponse:
    """The answer that says so; ``more`` are members of this kind."""
    t = Texts("en")
    title, detail = key.replace("_", " ").capitalize(), ""
    if t.has(f"errors.{key}.title"):
        title, detail = t(f"errors.{key}.title"), t(f"errors.{key}.text")
    elif t.has(f"review.error.{key}"):
        detail = t(f"review.error.{key}")
    elif t.has(f"tokens.error.{key}"):
        detail = t(f"tokens.error.{key}")
    said = {"type": f"urn:vigie:problem:{key}", "title": title, "status": status, "detail": detail, "error": key}
    return JSONResponse({**said, "request": request.state.request_id, **more}, status, headers, media_type=MEDIA)


def documented(*statuses: tuple[int, str, str]) -> dict[int | str, dict[str, Any]]:
    """For OpenAPI: status, what it means, and the word of ``error`` that an example has."""
    schema = Problem.model_json_schema()
    found: dict[int | str, dict[str, Any]] = {}
    for status, means, key in statuses:
        example = {
            "type": f"urn:vigie:problem:{key}",
            "title": means,
            "status": status,
            "detail": means,
            "error": key,
            "request": "8f1c02a9",
        }
        found[status] = {"description": means, "content": {MEDIA: {"schema": schema, "example": example}}}
    return found
