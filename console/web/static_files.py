"""Our own style sheets and script, read once: a handful of files by name, so no path of a request ever meets the disk."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from fastapi import APIRouter, Request
from starlette.responses import PlainTextResponse, Response

CONSOLE = Path(__file__).parents[1]
FILES = {
    "style.css": (CONSOLE / "static" / "style.css", "text/css"),
    "plots.css": (CONSOLE / "plots" / "style.css", "text/css"),
    "app.js": (CONSOLE / "static" / "app.js", "text/javascript"),
    "job.js": (CONSOLE / "static" / "job.js", "text/javascript"),
    "bulk.css": (CONSOLE / "static" / "bulk.css", "text/css"),
    "trial.css": (CONSOLE / "static" / "trial.css", "text/css"),
    "icon.svg": (CONSOLE / "static" / "icon.svg", "image/svg+xml"),
}
router = APIRouter()


@cache
def content(name: str) -> bytes:
    """A file's bytes."""
    return FILES[name][0].read_bytes()


@cache
def asset(name: str) -> str:
    """Address of a file, with a digest of its content: browsers may keep it for ever, and never show an old one."""
    return f"/static/{name}?v={hashlib.sha256(content(name)).hexdigest()[:12]}"


@router.get("/static/{name}", include_in_schema=False)
def static(request: Request, name: str) -> Response:
    """A file, to be kept for ever when asked for by its digest."""
    if name not in FILES:
        return PlainTextResponse("No such file\n", 404)
    exact = f"{request.url.path}?{request.url.query}" == asset(name)
    keep = "public, max-age=31536000, immutable" if exact else "no-cache"
    return Response(content(name), media_type=FILES[name][1], headers={"Cache-Control": keep})
