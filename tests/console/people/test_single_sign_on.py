"""Single sign-on against a provider of our own: who is let in, as whom, with which rights, and what is not believed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from console.db.engine import Database
from console.settings import Oidc
from support.console import Browser, Clock, Served, serve
from support.oidc import CLIENT, SECRET, Provider, provider


@pytest.fixture
def idp() -> Iterator[Provider]:
    with provider() as running:
        yield running


@pytest.fixture
def console(sqlite: Database, clock: Clock, idp: Provider) -> Iterator[Served]:
    known = Oidc(idp.issuer, CLIENT, SECRET, roles={"fraud": "reviewer", "leads": "lead"}, name="Acme")
    with serve(sqlite, clock, oidc=known) as running:
        yield running


def arrive(browser: Browser, path: str = "/sign-in/oidc") -> httpx2.Response:
    """Go to the provider and come back."""
    away = browser.get(path)
    assert away.status_code == 302, away.text
    with httpx2.Client(trust_env=False) as other:
        back = other.get(away.headers["location"])
    return browser.get(back.headers["location"])


def test_somebody_new_gets_an_account_with_the_rights_of_their_groups(console: Served) -> None:
    browser = console.browser()
    answer = arrive(browser, "/sign-in/oidc?next=/account")
    assert (answer.status_code, answer.headers["location"]) == (303, "/account")
    assert browser.get("/queue").status_code == 200
    user = console.user("mina")
    assert (user.name, user.password_hash, [row.role for row in user.roles]) == ("Mina", None, ["reviewer"])


def test_rights_follow_the_groups_at_every_arrival(console: Served, idp: Provider) -> None:
    arrive(console.browser())
    idp.claims["groups"] = ["leads"]
    arrive(console.browser())
    assert [row.role for row in console.user("mina").roles] == ["lead"]


def test_a_local_account_of_the_same_name_is_not_taken_over(console: Served) -> None:
    console.person("mina", "administrator")
    answer = arrive(console.browser())
    assert answer.status_code == 403
    assert console.user("mina").oidc_subject is None


def test_a_closed_account_stays_out(console: Served) -> None:
    arrive(console.browser())
    with console.database.writing() as session:
        session.merge(console.user("mina")).active = False
    assert arrive(console.browser()).status_code == 403


@pytest.mark.parametrize(
    "spoil",
    [{"nonce": "another"}, {"aud": "another"}, {"iss": "http://another.example"}, {"exp": 1}],
    ids=["nonce", "audience", "issuer", "expired"],
)
def test_an_id_token_that_is_not_for_this_sign_in_is_not_believed(console: Served, idp: Provider, spoil: dict[str, Any]) -> None:
    idp.spoil = spoil
    browser = console.browser()
    assert arrive(browser).status_code == 502
    assert browser.get("/queue").status_code == 303


def test_an_id_token_signed_by_another_key_is_not_believed(console: Served, idp: Provider) -> None:
    idp.forge = True
    assert arrive(console.browser()).status_code == 502


def test_an_answer_that_another_browser_asked_for_is_not_taken(console: Served) -> None:
    away = console.browser().get("/sign-in/oidc")
    with httpx2.Client(trust_env=False) as other:
        back = other.get(away.headers["location"]).headers["location"]
    victim = console.browser()
    assert victim.get(back).status_code == 400
    # Nor by one who has begun a sign-in of their own.
    victim.get("/sign-in/oidc")
    assert victim.get(back).status_code == 502


def test_a_provider_that_is_away_is_said_to_be(sqlite: Database, clock: Clock) -> None:
    with serve(sqlite, clock, oidc=Oidc("http://127.0.0.1:9", CLIENT, SECRET)) as running:
        assert running.browser().get("/sign-in/oidc").status_code == 502


def test_without_a_provider_there_is_no_such_page(served: Served) -> None:
    assert served.browser().get("/sign-in/oidc").status_code == 404
