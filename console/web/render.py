"""Pages from templates: what every template can use, and the answer they become.

    return page(request, "queue.html", alerts=alerts)

Templates find ``t`` (texts), ``words`` (values written for this person), ``person`` (or none), ``csrf`` (a form's token), ``asset``
(an address of a static file that changes with its content), ``now`` and ``here`` (the path). Everything is escaped.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from fastapi import Request
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.responses import HTMLResponse

from console.people.person import Person
from console.texts import LANGUAGES
from console.web.access import house
from console.web.keys import KEYS, keys_of
from console.web.static_files import asset
from console.web.words import Words

HERE = Path(__file__).parent
VISIT = "vigie-visit"
#: Pages in the bar: path, text, and the roles it is for (none: everybody).
NAVIGATION: list[tuple[str, str, tuple[str, ...]]] = [
    ("/queue", "common.nav.queue", ()),
    ("/systems", "common.nav.systems", ("operator", "lead", "auditor")),
    ("/what-if", "common.nav.what_if", ("analyst", "lead", "publisher")),
    ("/policies", "common.nav.policies", ("analyst", "lead", "publisher", "auditor")),
    ("/people", "common.nav.people", ("administrator",)),
    ("/tokens", "common.nav.tokens", ("administrator",)),
    ("/audit", "common.nav.audit", ("auditor",)),
]

_ENVIRONMENT = Environment(
    loader=FileSystemLoader(HERE / "templates"),
    # All of them, whatever their name: what a page shows was written by telephones and by strangers.
    autoescape=True,
    # A misspelt name is an error in the first test that renders the page, not an empty cell in production.
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def page(request: Request, template: str, status: int = 200, **context: Any) -> HTMLResponse:
    """A page. ``context`` is what the template reads beside what all of them can."""
    person: Person | None = getattr(request.state, "person", None)
    words = words_of(request)
    shared = {
        "t": words.t,
        "words": words,
        "language": words.language,
        "person": person,
        "theme": person.theme if person else "auto",
        "asset": asset,
        "here": request.url.path,
        "now": house(request).settings.now(),
        "settings": house(request).settings,
        "csrf": form_token(request),
        "icon": icon,
        "nav": NAVIGATION,
        "keys": keys_of(person.keys) if person else {},
        "all_keys": KEYS,
    }
    return HTMLResponse(_ENVIRONMENT.get_template(template).render({**shared, **context}), status)


def words_of(request: Request) -> Words:
    """How values are written for whoever sent a request."""
    person: Person | None = getattr(request.state, "person", None)
    if person is not None:
        return Words(person.language, person.zone)
    return Words(asked_language(request), "Europe/Paris")


def asked_language(request: Request) -> str:
    """The language a browser asks for, of ours; French when it asks for neither."""
    for part in request.headers.get("accept-language", "").split(","):
        code = part.split(";")[0].strip().lower()[:2]
        if code in LANGUAGES:
            return code
    return "fr"


def form_token(request: Request) -> str:
    """The token for forms of this session, or of this visit before anybody signed in; empty when there is neither."""
    person: Person | None = getattr(request.state, "person", None)
    bound_to = person.session_id if person else request.cookies.get(VISIT) or getattr(request.state, "visit", "")
    return house(request).signer.form_token(bound_to) if bound_to else ""


@cache
def icon(name: str) -> Markup:
    """A drawing of ours, to stand beside words: it is hidden from screen readers."""
    paths = {
        "back": "M10 3 5 8l5 5",
        "check": "m3 8.5 3.2 3L13 4.5",
        "clock": "M8 2.5a5.5 5.5 0 1 1 0 11 5.5 5.5 0 0 1 0-11ZM8 5v3.2L10 10",
        "theme_auto": "M8 2.5a5.5 5.5 0 1 1 0 11 5.5 5.5 0 0 1 0-11ZM8 2.5v11M8 5h3.6M8 8h5.5M8 11h3.6",
        "theme_dark": "M12.8 9.6A5.5 5.5 0 1 1 6.4 3.2a4.4 4.4 0 0 0 6.4 6.4Z",
        "theme_light": "M8 5a3 3 0 1 1 0 6 3 3 0 0 1 0-6ZM8 1.5V3m0 10v1.5M1.5 8H3m10 0h1.5m-11-4.5 1 1m7 7 1 1m0-9-1 1m-7 7-1 1",
        "lock": "M4 7.5h8v6H4zM5.5 7.5V5.2a2.5 2.5 0 0 1 5 0v2.3",
        "warn": "M8 2.5 14 13H2ZM8 6.5v3M8 11.2v.3",
    }
    drawing = '<svg class="icon" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true" focusable="false"><path d="{}"/></svg>'
    return Markup(drawing).format(paths[name])
