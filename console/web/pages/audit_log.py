"""The audit log, for auditors: read, filtered by address, checked; changed by nobody."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from sqlalchemy import select
from starlette.responses import Response

from console import audit
from console.db.tables import Audit
from console.errors import AuditError
from console.people.person import Person
from console.web.access import Reading, require
from console.web.render import page

router = APIRouter()
ROWS = 200
Auditor = Annotated[Person, Depends(require("auditor"))]


@router.get("/audit")
def rows(
    request: Request, person: Auditor, session: Reading, who: str = "", what: str = "", subject: str = "", before: int = 0, check: str = ""
) -> Response:
    """Newest first; ``before`` goes on from a page's last row. ``check`` goes through the whole chain."""
    query = select(Audit).order_by(Audit.number.desc()).limit(ROWS)
    if who:
        query = query.where(Audit.who == who)
    if what:
        query = query.where(Audit.what.startswith(what, autoescape=True))
    if subject:
        query = query.where(Audit.subject.startswith(subject, autoescape=True))
    if before:
        query = query.where(Audit.number < before)
    found = session.scalars(query).all()
    verified, broken = None, None
    if check:
        session.expunge_all()
        try:
            verified = audit.verify(session)
        except AuditError as error:
            broken = str(error)
    asked = {"who": who, "what": what, "subject": subject}
    return page(request, "audit.html", rows=found, asked=asked, more=len(found) == ROWS, verified=verified, broken=broken)
