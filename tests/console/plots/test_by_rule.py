"""The plots of every rule, drawn from the traffic in which it speaks."""

from __future__ import annotations

import copy
import json
import random
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.plots.by_rule import RULES, plots_of
from console.plots.plot import HEIGHT, WIDTHS, Plot, figure
from console.plots.words import LANGUAGES, Words
from detectors.registry import installed
from support.plots import STYLE, alerts_of, samples

ROOT = Path(__file__).parents[3]
SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = "\"'><script>alert(1)</script>&\x00\ud800]]>{n}#"
each_sample = pytest.mark.parametrize(("name", "alert"), samples(), ids=[name for name, _ in samples()])
each_language = pytest.mark.parametrize("lang", LANGUAGES)


def tree(plot: Plot) -> ElementTree.Element:
    return ElementTree.fromstring(plot.svg)


def classes(plot: Plot) -> set[str]:
    return {name for element in tree(plot).iter() for name in element.get("class", "").split()}


def texts(value: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where the texts of a JSON value are."""
    if isinstance(value, str):
        yield place
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from texts(inner, (*place, key))
    elif isinstance(value, list):
        for key, inner in enumerate(value):
            yield from texts(inner, (*place, key))


def put(value: Any, place: tuple[Any, ...], what: Any) -> None:
    for step in place[:-1]:
        value = value[step]
    value[place[-1]] = what


def test_every_rule_has_plots() -> None:
    assert set(RULES) == set(installed())


@pytest.mark.parametrize("rule", sorted(RULES))
def test_each_open_alert_of_a_rule_has_a_plot_above_the_fold(rule: str) -> None:
    alerts = alerts_of(rule)
    assert alerts
    assert all(any(plot.above_fold for plot in plots_of(alert)) for alert in alerts)


@each_language
@each_sample
def test_a_plot_is_valid_xml_with_a_title_a_description_and_a_table(name: str, alert: dict[str, Any], lang: str) -> None:
    plots = plots_of(alert, lang)
    for plot in plots:
        svg = tree(plot)
        assert svg.tag == f"{SVG}svg"
        assert svg.get("role") == "img"
        title, about = svg[0], svg[1]
        assert (title.tag, about.tag) == (f"{SVG}title", f"{SVG}desc")
        assert title.text == plot.title == Words(lang)(plot.title_key)
        assert about.text
        assert (svg.get("aria-labelledby"), svg.get("aria-describedby")) == (title.get("id"), about.get("id"))
        assert plot.table.rows
        assert {len(row) for row in plot.table.rows} == {len(plot.table.headers)}
        ElementTree.fromstring(figure(plot, Words(lang)))


@each_sample
def test_ids_are_unique_on_the_page(name: str, alert: dict[str, Any]) -> None:
    ids = [
        element.get("id", "") for prefix in ("a", "b") for plot in plots_of(alert, prefix=prefix) for element in tree(plot).iter()
    ]  # fmt: skip
    ids = [one for one in ids if one]
    assert len(ids) == len(set(ids))


@each_sample
def test_at_most_three_plots_stand_above_the_fold_and_fill_one_row_of_the_page(name: str, alert: dict[str, Any]) -> None:
    above = [plot for plot in plots_of(alert) if plot.above_fold]
    assert 1 <= len(above) <= 3
    assert sum(plot.span for plot in above) <= 3
    for plot in above:
        _, _, width, height = map(float, str(tree(plot).get("viewBox")).split())
        assert width == WIDTHS[plot.span]
        assert height <= HEIGHT + 2


@each_sample
def test_no_plot_has_a_style_a_script_or_an_address(name: str, alert: dict[str, Any]) -> None:
    for plot in plots_of(alert):
        for element in tree(plot).iter():
            assert element.tag.removeprefix(SVG) in {
                "svg", "title", "desc", "defs", "pattern", "rect", "circle", "line", "path", "text",
            }  # fmt: skip
            assert not [key for key in element.attrib if key == "style" or key.startswith("on") or key.endswith("href")]
            assert element.get("fill", f"url(#{plot.id}-hatch)") == f"url(#{plot.id}-hatch)"


@each_sample
def test_every_class_is_in_the_style_sheet(name: str, alert: dict[str, Any]) -> None:
    known = set(re.findall(r"\.(plot[a-z0-9-]*)", STYLE.read_text("utf-8")))
    for plot in plots_of(alert):
        assert classes(plot) - {"plot-hatch"} <= known


@each_sample
def test_the_same_alert_gives_the_same_bytes(name: str, alert: dict[str, Any]) -> None:
    assert plots_of(alert) == plots_of(json.loads(json.dumps(alert)))


def test_the_bytes_do_not_depend_on_the_hash_seed() -> None:
    script = (
        "import sys; sys.path[:0] = ['tests', '.']\n"
        "from hashlib import sha256\nfrom support.plots import made, sheet\n"
        "print(sha256(sheet('light', 'en', made()).encode()).hexdigest())\n"
    )
    said = {
        subprocess.run(
            [sys.executable, "-c", script], cwd=ROOT, env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        ).stdout
        for seed in ("0", "4242")
    }
    assert len(said) == 1


@each_sample
def test_hostile_text_anywhere_in_the_facts_stays_text(name: str, alert: dict[str, Any]) -> None:
    for place in texts(alert["facts"]):
        bad = copy.deepcopy(alert)
        put(bad["facts"], place, HOSTILE)
        for plot in plots_of(bad):
            html = figure(plot, Words())
            ElementTree.fromstring(html)
            assert "<script" not in html


def test_a_script_as_user_agent_is_shown_as_the_text_it_is() -> None:
    agent = "<script>alert(1)</script>"
    facts = {"terminals": [{"user_agent": agent, "days": ["2026-02-04"]}], "breach_days": 3}
    (plot, _) = plots_of({"rule": "unapproved-terminal", "facts": facts})
    assert agent in [text.text or text[-1].tail for text in tree(plot).iter(f"{SVG}text")]
    assert plot.table.rows == (("2026-02-04", agent),)


JUNK = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20), st.just(10**400), st.just("2026-02-30"),
    st.just("9999-12-31"), st.just("0001-01-01"), st.just("9999-12-31T23:59:59Z"), st.lists(st.integers(-9, 9), max_size=3), st.just({}),
    st.just([{}]), st.just([["2026-01-02", "2026-01-01", "CH", "calls"]]), st.just([["1971-01-01", "9998-12-31", "CH", "calls"]]),
)  # fmt: skip


@given(st.integers(0, len(samples()) - 1), st.randoms(use_true_random=False), st.lists(JUNK, min_size=1, max_size=6))
def test_missing_and_strange_fields_never_raise(place: int, rng: random.Random, junk: list[Any]) -> None:
    alert = copy.deepcopy(samples()[place][1])
    for what in junk:
        holder: Any = alert
        for _ in range(rng.randrange(1, 5)):
            keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
            inner = [key for key in keys if isinstance(holder[key], dict | list) and holder[key]]
            if not inner:
                break
            holder = holder[rng.choice(inner)]
        keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
        key = rng.choice(keys)
        if what is None and isinstance(holder, dict):
            del holder[key]
            if not holder:
                break
        else:
            holder[key] = what
    for plot in plots_of(alert):
        ElementTree.fromstring(figure(plot, Words()))
        assert plot.table.headers
        assert "nan" not in plot.svg
        assert "inf" not in re.sub(">[^<]*<", "><", plot.svg)


@pytest.mark.parametrize("alert", [{}, {"facts": None}, {"rule": "audit", "facts": {}}, {"rule": [], "facts": {}}])
def test_an_alert_of_no_rule_of_ours_has_no_plots(alert: dict[str, Any]) -> None:
    assert plots_of(alert) == []


@pytest.mark.parametrize("rule", sorted(RULES))
def test_without_facts_there_is_nothing_to_draw(rule: str) -> None:
    assert plots_of({"rule": rule, "facts": {}}) == []


def test_signs_that_joined_a_takeover_are_drawn_below_the_fold() -> None:
    alert = dict(samples())["account-takeover (made)"]
    joined = [plot for plot in plots_of(alert) if "-with-1-toll-fraud-" in plot.id]
    assert joined
    assert not any(plot.above_fold for plot in joined)


def test_a_plot_is_written_in_the_readers_language_and_zone() -> None:
    alert = dict(samples())["account-takeover (made)"]
    english, french = plots_of(alert, "en")[0], plots_of(alert, "fr", "Indian/Reunion")[0]
    assert (english.title, french.title) == ("What happened", "Ce qui s’est passé")
    assert english.table.rows[0][0] == "2026-02-05 02:10:20 CET"
    assert french.table.rows[0][0] == "2026-02-05 05:10:20 +04"


def test_what_a_table_says_of_money_is_what_the_facts_say() -> None:
    alert = dict(samples())["toll-fraud (made)"]
    plot = plots_of(alert)[0]
    assert [row[-1] for row in plot.table.rows[:2]] == ["€612.50", "€564.50"]
    assert len(plot.table.rows) == len(alert["facts"]["destinations"])
