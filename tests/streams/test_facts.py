from hypothesis import given
from hypothesis import strategies as st

from detectors.events import Erase, Licence, Tenant
from streams.facts import MOST_UNRESOLVED, NEVER, Accounts, Owner


def fact(time: int, licence: str = "101", *aors: str, tenant: str = "acme", effective_from: int | None = None) -> Licence:
    return Licence(id=f"{time}", time=time, tenant=tenant, licence=licence, aors=aors, effective_from=effective_from)


def test_a_fact_applies_from_its_place() -> None:
    accounts = Accounts()
    assert accounts.owner("a@x") is None
    accounts.learn(fact(10, "101", "a@x"))
    assert accounts.owner("a@x") == Owner("acme", "101")


def test_a_fact_of_the_past_applies_from_its_place_and_one_of_the_future_from_its_date() -> None:
    accounts = Accounts()
    accounts.learn(fact(10, "101", "a@x", effective_from=3))
    accounts.learn(fact(10, "102", "b@x", effective_from=30))
    assert accounts.owner("a@x") is not None
    assert accounts.due == 30
    assert accounts.advance(29) == []
    assert accounts.owner("b@x") is None
    assert [f.licence for f in accounts.advance(30) if isinstance(f, Licence)] == ["102"]
    assert accounts.owner("b@x") == Owner("acme", "102")
    assert accounts.due == NEVER


def test_an_aor_belongs_to_the_licence_whose_fact_came_last() -> None:
    accounts = Accounts()
    accounts.learn(fact(1, "101", "a@x", "b@x"))
    accounts.learn(fact(2, "102", "a@x"))
    assert accounts.owner("a@x") == Owner("acme", "102")
    assert accounts.owner("b@x") == Owner("acme", "101")
    accounts.learn(fact(3, "101", "b@x"))
    assert accounts.owner("a@x") == Owner("acme", "102")


def test_an_aor_that_a_new_fact_no_longer_names_belongs_to_nobody() -> None:
    accounts = Accounts()
    accounts.learn(fact(1, "101", "a@x", "b@x"))
    accounts.learn(fact(2, "101", "b@x"))
    assert accounts.owner("a@x") is None


def test_erasure_forgets_a_licence_or_a_whole_tenant_and_what_waits_of_it() -> None:
    accounts = Accounts()
    accounts.learn(Tenant(id="t", time=1, tenant="acme"))
    accounts.learn(fact(1, "101", "a@x"))
    accounts.learn(fact(1, "102", "b@x"))
    accounts.learn(fact(1, "102", "c@x", effective_from=50))
    accounts.learn(fact(1, "1", "o@y", tenant="other"))
    accounts.learn(Erase(id="e", time=2, tenant="acme", licence="101"))
    assert accounts.owner("a@x") is None
    assert accounts.owner("b@x") is not None
    accounts.learn(Erase(id="e", time=3, tenant="acme"))
    accounts.advance(100)
    assert [accounts.owner(aor) for aor in ("b@x", "c@x")] == [None, None]
    assert accounts.owner("o@y") == Owner("other", "1")
    assert accounts.tenants == {}


def test_unknown_aors_are_kept_apart_up_to_ten_thousand() -> None:
    accounts = Accounts()
    first = accounts.unresolved("nobody@x")
    found = {accounts.unresolved(f"n{n}@x") for n in range(MOST_UNRESOLVED - 1)}
    assert None not in found
    assert len(found) == MOST_UNRESOLVED - 1
    assert accounts.unresolved("one-more@x") is None
    assert accounts.unresolved("nobody@x") == first
    assert accounts.unknown == MOST_UNRESOLVED


@given(st.lists(st.tuples(st.integers(0, 3), st.sets(st.sampled_from("abcdef")), st.integers(0, 40)), max_size=30), st.integers(0, 60))
def test_facts_in_force_are_those_whose_place_and_date_have_come(facts: list[tuple[int, set[str], int]], now: int) -> None:
    accounts = Accounts()
    for place, (licence, aors, effective) in enumerate(facts):
        accounts.advance(place)
        accounts.learn(fact(place, str(licence), *sorted(aors), effective_from=effective))
    accounts.advance(max(now, len(facts)))
    expected: dict[str, str] = {}
    held: dict[str, set[str]] = {}
    in_force = [(max(place, effective), effective > place, place, facts[place]) for place, (_, _, effective) in enumerate(facts)]
    # At one instant what waited for its date comes before what stands there.
    for at, _, _, (licence, aors, _) in sorted(in_force, key=lambda f: (f[0], not f[1], f[2])):
        if at <= max(now, len(facts)):
            for aor in held.get(str(licence), set()):
                if expected.get(aor) == str(licence):
                    del expected[aor]
            held[str(licence)] = aors
            expected.update(dict.fromkeys(sorted(aors), str(licence)))
    assert {aor: owner.licence for aor in "abcdef" if (owner := accounts.owner(aor)) is not None} == expected
