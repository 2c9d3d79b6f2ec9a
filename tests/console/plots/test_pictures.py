"""The plots in a browser: nothing clipped, nothing on top of another text, colours that can be told from their ground.

Leaves ``out/plots/{light,dark}*.png`` to be looked at.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from support.browsing import chromium
from support.plots import STYLE, samples, sheet

OUT = Path(__file__).parents[3] / "out" / "plots"
#: What the console's own style gives: a page as wide as the window, and a font.
PAGE = """body { margin: 0 auto; max-width: 1322px; padding: 12px 22px; font-family: system-ui, sans-serif;
  background: var(--plot-ground); color: var(--plot-ink); }
h2 { font-size: 14px; margin: 18px 0 4px; }"""
FAULTS = """() => {
  const found = [];
  for (const svg of document.querySelectorAll('.plot-svg')) {
    const frame = svg.getBoundingClientRect();
    const texts = [...svg.querySelectorAll('text')].map(text => [text.getBoundingClientRect(), text.lastChild.textContent]);
    texts.forEach(([one, said], place) => {
      if (one.left < frame.left - 1 || one.right > frame.right + 1 || one.top < frame.top - 2 || one.bottom > frame.bottom + 2)
        found.push(`${svg.id}: "${said}" leaves its plot`);
      for (const [other, beside] of texts.slice(0, place)) {
        const wide = Math.min(one.right, other.right) - Math.max(one.left, other.left);
        const high = Math.min(one.bottom, other.bottom) - Math.max(one.top, other.top);
        if (wide > 1 && high > 4) found.push(`${svg.id}: "${said}" lies on "${beside}"`);
      }
    });
  }
  return found;
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


def opened(browser: Browser, theme: str, lang: str, width: int = 1366) -> Page:
    OUT.mkdir(parents=True, exist_ok=True)
    (OUT / "plots.css").write_text(STYLE.read_text("utf-8"), "utf-8")
    (OUT / "sheet.css").write_text(PAGE, "utf-8")
    file = OUT / f"{theme}-{lang}.html"
    file.write_text(sheet(theme, lang, samples()), "utf-8")
    page = browser.new_page(viewport={"width": width, "height": 768})
    page.goto(file.as_uri())
    return page


@pytest.mark.parametrize(("theme", "lang"), [("light", "en"), ("dark", "fr")])
def test_no_text_leaves_its_plot_or_lies_on_another(browser: Browser, theme: str, lang: str) -> None:
    page = opened(browser, theme, lang)
    height = page.evaluate("document.body.scrollHeight")
    page.set_viewport_size({"width": 1366, "height": height})
    for part, top in enumerate(range(0, height, 1000)):
        clip = {"x": 0, "y": top, "width": 1366, "height": min(1000, height - top)}
        page.screenshot(path=str(OUT / f"{theme}-{part}.png"), clip=clip)  # type: ignore[arg-type]
    assert page.evaluate(FAULTS) == []
    page.close()


def test_at_1366_pixels_plots_are_drawn_in_their_own_size(browser: Browser) -> None:
    page = opened(browser, "light", "en")
    scale = page.evaluate(
        "Math.min(...[...document.querySelectorAll('.plot-svg')].map(s => s.getBoundingClientRect().width / s.viewBox.baseVal.width))"
    )
    assert scale >= 0.99
    page.close()


def test_on_a_telephone_the_page_does_not_scroll_sideways(browser: Browser) -> None:
    page = opened(browser, "light", "en", width=390)
    page.screenshot(path=str(OUT / "narrow.png"))
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    smallest = page.evaluate(
        "Math.min(...[...document.querySelectorAll('.plot-svg')].map(s => s.getBoundingClientRect().width / s.viewBox.baseVal.width))"
    )
    assert smallest >= 0.7
    page.close()


def blocks() -> list[dict[str, str]]:
    """The variables of each theme: light, dark by preference, dark by choice."""
    found = re.findall(r"\{([^{}]*--plot-ground: #[^{}]*)\}", STYLE.read_text("utf-8"))
    return [dict(re.findall(r"--plot-([a-z0-9-]+): (#[0-9a-f]{6});", block)) for block in found]


def contrast(one: str, two: str) -> float:
    """Contrast ratio of WCAG 2.2."""

    def light(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    low, high = sorted((light(one), light(two)))
    return (high + 0.05) / (low + 0.05)


def test_dark_by_preference_and_dark_by_choice_are_the_same() -> None:
    light, preferred, chosen = blocks()
    assert preferred == chosen
    assert light.keys() == chosen.keys()


@pytest.mark.parametrize("colours", blocks()[::2], ids=["light", "dark"])
def test_text_has_a_contrast_of_4_5_and_shapes_of_3(colours: dict[str, str]) -> None:
    for name in ("ink", "muted", "bad"):
        assert contrast(colours[name], colours["ground"]) >= 4.5, name
    for name in ("1", "2", "3", "4", "5", "6", "bad", "axis"):
        assert contrast(colours[name], colours["ground"]) >= 3, name


@pytest.mark.parametrize("colours", blocks()[::2], ids=["light", "dark"])
def test_each_step_of_the_heat_map_differs_from_the_one_before(colours: dict[str, str]) -> None:
    steps = [colours["silent"], *(colours[f"heat-{step}"] for step in range(1, 6))]
    assert all(contrast(one, two) >= 1.15 for one, two in pairwise(steps))
