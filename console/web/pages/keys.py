"""A person's own keys: change them, or turn them off."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from console.db.tables import User
from console.web.access import SomePerson, house
from console.web.keys import KEYS, fault
from console.web.render import page

router = APIRouter()


@router.get("/account/keys")
def keys(request: Request, person: SomePerson) -> Response:
    """The keys as they are."""
    chosen = {name: str(person.keys.get(name, key)) for name, key in KEYS.items()}
    return page(request, "keys.html", chosen=chosen, off=bool(person.keys.get("off")), error=None)


@router.post("/account/keys")
async def save(request: Request, person: SomePerson) -> Response:
    """Keep a choice. ``default`` goes back to what ships."""
    form = await request.form()
    off = bool(form.get("off"))
    chosen = dict(KEYS) if form.get("default") else {name: str(form.get(name, key)).strip() for name, key in KEYS.items()}
    if error := fault(chosen):
        return page(request, "keys.html", 422, chosen=chosen, off=off, error=error)

    def write() -> None:
        with house(request).settings.database.writing() as session:
            changed = {name: key for name, key in chosen.items() if key != KEYS[name]}
            session.get_one(User, person.user_id).keys = {**changed, "off": True} if off else changed

    await run_in_threadpool(write)
    return RedirectResponse("/account/keys", 303)
