"""Keys of a policy changed in its text, and two texts compared."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.settings import DEFAULT_POLICY
from console.trial.policy_text import PolicyTextError, checked, differences, host_tables, with_keys, with_whole_paths
from detectors.registry import installed

TEXT = DEFAULT_POLICY.read_text("utf-8")
KEYS = [
    (rule, key)
    for rule, detector in installed().items()
    for key in detector.Params.__struct_fields__
    if type(getattr(detector.Params(), key)) is int
]


@given(st.sampled_from(KEYS), st.integers(0, 10**9))
def test_a_key_is_changed_and_nothing_else(which: tuple[str, str], value: int) -> None:
    rule, key = which
    changed = with_keys(TEXT, rule, {key: value})
    expected = tomllib.loads(TEXT)
    expected["rules"][rule][key] = value
    assert tomllib.loads(changed) == expected
    old, new = TEXT.splitlines(), changed.splitlines()
    assert len(old) == len(new)
    comments = [(one.partition("#")[2], other.partition("#")[2]) for one, other in zip(old, new, strict=True) if one != other]
    assert all(one == other for one, other in comments)
    assert len(comments) <= 1


def test_a_rule_that_the_text_does_not_name_gets_a_table_at_the_end() -> None:
    assert with_keys('name = "x"\n', "autodial", {"run_warn": 4}) == 'name = "x"\n\n[rules.autodial]\nrun_warn = 4\n'


def test_a_hash_inside_quotes_is_no_comment() -> None:
    text = '[rules.autodial]\nmode = "review"  # a # b\n'
    assert with_keys(text, "autodial", {"mode": "shadow"}) == '[rules.autodial]\nmode = "shadow"  # a # b\n'


@pytest.mark.parametrize("text", ["rules.autodial.run_warn = 5\n", "[rules]\nautodial = { run_warn = 5 }\n"])
def test_a_table_that_lines_cannot_change_is_refused_and_not_broken(text: str) -> None:
    with pytest.raises(PolicyTextError, match="edit the file"):
        with_keys(text, "autodial", {"run_warn": 4})


@pytest.mark.parametrize(
    ("text", "said"), [("[rules", "TOML"), ("[rules.none]\n", "names no rule"), ("[rules.autodial]\nrun_warn = 'x'\n", "run_warn")]
)
def test_what_rules_refuse_is_named(text: str, said: str) -> None:
    with pytest.raises(PolicyTextError, match=said):
        checked(text)


def test_differences_show_what_was_added_and_removed() -> None:
    found = differences(TEXT, with_keys(TEXT, "autodial", {"run_warn": 4}))
    assert [line.text.split()[:3] for line in found if line.sign in "+-"] == [["run_warn", "=", "5"], ["run_warn", "=", "4"]]
    assert differences(TEXT, TEXT) == []


def test_the_policies_that_ship_are_accepted() -> None:
    for path in sorted(Path(DEFAULT_POLICY).parent.glob("*.toml")):
        assert checked(path.read_text("utf-8"))[1].startswith("p-")


FILES = """
[geo]
country_db = 'country.mmdb'
network_lists = [{ file = "vpn.txt", class = "vpn" }, { "file" = "/whole/list.txt", class = "vpn.txt" }]

[numbers]
rates = "tables/tariff.csv"  # not "tables/tariff.csv" of May
"""


def test_files_that_a_policy_names_are_named_by_their_whole_paths_wherever_it_goes() -> None:
    changed = with_whole_paths(FILES, Path("/etc/vigie"))
    assert tomllib.loads(changed) == {
        "geo": {
            "country_db": "/etc/vigie/country.mmdb",
            "network_lists": [{"file": "/etc/vigie/vpn.txt", "class": "vpn"}, {"file": "/whole/list.txt", "class": "vpn.txt"}],
        },
        "numbers": {"rates": "/etc/vigie/tables/tariff.csv"},
    }
    assert with_whole_paths(changed, Path("/elsewhere")) == changed
    assert with_whole_paths(TEXT, Path("/etc/vigie")) == TEXT


def test_a_path_that_cannot_be_made_whole_is_refused_in_one_line() -> None:
    with pytest.raises(PolicyTextError, match=r"^\[numbers\] rates: tariff.csv is a path relative to /etc/vigie; give the whole one"):
        with_whole_paths('[numbers]\nrates = """tariff.csv"""\n', Path("/etc/vigie"))


def test_tables_that_hosts_read_are_told_when_they_differ() -> None:
    assert host_tables(FILES, FILES.replace("tariff", "other")) == ["numbers"]
    assert host_tables(FILES, FILES + "[rules.autodial]\nrun_warn = 5\n") == []
