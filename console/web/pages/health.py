"""Whether the console works, for whatever watches it: no sign-in, and nothing to learn."""

from __future__ import annotations

from fastapi import APIRouter, Request
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from starlette.responses import JSONResponse

from console.web.access import house

router = APIRouter()


@router.get("/health")
def health(request: Request) -> JSONResponse:
    """200 when the database answers, 503 when it does not."""
    try:
        with house(request).settings.database.reading() as session:
            session.execute(text("SELECT 1"))
    except SQLAlchemyError:
        return JSONResponse({"status": "failing", "database": "unreachable"}, 503)
    return JSONResponse({"status": "ok", "database": "ok"})
