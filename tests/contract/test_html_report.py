"""The HTML report in a real browser: nothing asked of the network, readable on every screen and on paper."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from contract.browser import Browser
from contract.peers import require_peer
from ecfleet.events import Column
from ecfleet.reports import html_report
from ecfleet.reports.comparison import Change, Comparison, Turn
from ecfleet.verdicts import RuleResult, Verdict
from unit.finished_runs import CASES, STALE, finished, with_timelines

CHANGES = Comparison(
    "old.json",
    "2030-06-14T12:00:00+00:00",
    "0.1.0",
    6,
    (Change("LOG-02", "ecflow_client", Turn.WORSE, Verdict.PASS, Verdict.FAIL, "exit code: seen 1"),),
    3,
)

# A page must not be wider than its window.
TOO_WIDE = "document.documentElement.scrollWidth > document.documentElement.clientWidth"

# The texts that have too little contrast with what is behind them (Web Content Accessibility Guidelines 2.2,
# "Contrast (Minimum)": 4.5, or 3 for large text).
FAINT = """
(() => {
  const light = (rgb) => {
    const [r, g, b] = rgb.map((part) => {
      const share = part / 255;
      return share <= 0.03928 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const parts = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const behind = (element) => {
    for (let one = element; one; one = one.parentElement) {
      const [r, g, b, a = 1] = parts(getComputedStyle(one).backgroundColor);
      if (a === 1) return [r, g, b];
    }
    return [255, 255, 255];
  };
  const faint = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const element = node.parentElement;
    if (!node.data.trim() || !element.checkVisibility() || element.closest("script, style")) continue;
    const style = getComputedStyle(element);
    const [one, other] = [light(parts(style.color).slice(0, 3)), light(behind(element))];
    const ratio = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
    if (ratio < (large ? 3 : 4.5)) faint.push(`${ratio.toFixed(2)} ${node.data.trim()}`);
  }
  return faint;
})()
"""

SHOWN = "[...document.querySelectorAll('tr.rule:not([hidden]) th')].map((head) => head.textContent)"


def typed(words: str) -> str:
    """What types words into the search field."""
    return f"""
      (() => {{
        const field = document.querySelector("[name=words]");
        field.value = {words!r};
        field.dispatchEvent(new Event("input", {{ bubbles: true }}));
      }})()
    """


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report with everything in it, for three columns."""
    run = with_timelines(finished(stale=(STALE,), faults=("a suite is broken",)))
    another = Column("python-ecflow", "python-ecflow", "5.9.2", "python-ecflow")
    run = replace(
        run,
        columns=(*run.columns, another),
        results=(*run.results, RuleResult("LOG-02", another.label, tuple(CASES["LOG-01"]))),
        replays={**run.replays, (another.label, CASES["LOG-01"][0].id): "ecfleet check"},
    )
    path = tmp_path_factory.mktemp("report") / "report.html"
    html_report.write(run, path, CHANGES)
    return path


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """One browser for all tests of this module; it takes seconds to start."""
    with Browser(require_peer("chromium"), tmp_path_factory.mktemp("chromium")) as found:
        yield found


@pytest.fixture
def browser(chromium: Browser, page: Path) -> Iterator[Browser]:
    """The browser as new, for one page: what that says on the console or asks for fails the test."""
    chromium.sees(1280, 900)
    chromium.prefers()
    yield chromium
    assert chromium.console == []
    assert {address.partition("#")[0] for address in chromium.requests} == {page.as_uri()}


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize(
    ("name", "width", "height", "media"),
    [("desktop", 1280, 900, "screen"), ("phone", 390, 844, "screen"), ("print", 794, 1123, "print")],
)
def test_it_is_readable_everywhere(
    browser: Browser, page: Path, tmp_path: Path, name: str, width: int, height: int, media: str, dark: bool
) -> None:
    browser.sees(width, height, phone=name == "phone")
    browser.prefers(dark=dark, media=media)
    browser.open(page)
    picture = browser.screenshot(tmp_path / f"{name}-{'dark' if dark else 'light'}.png")
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert browser.value(TOO_WIDE) is False
    assert browser.value(FAINT) == []


def test_paper_has_all_and_nothing_to_click(browser: Browser, page: Path, tmp_path: Path) -> None:
    browser.open(page)
    assert browser.paper(tmp_path / "report.pdf").read_bytes().startswith(b"%PDF")
    browser.value("dispatchEvent(new Event('beforeprint'))")
    assert browser.value("document.querySelectorAll('.failure details:not([open])').length") == 0
    browser.value("dispatchEvent(new Event('afterprint'))")
    assert browser.value("document.querySelectorAll('.failure details:not([open])').length") == 6
    browser.prefers(media="print")
    for selector in ("nav", "form", "button", ".explained"):
        assert browser.value(f"document.querySelector('{selector}').checkVisibility()") is False, selector


def test_filters_show_what_is_asked_for(browser: Browser, page: Path) -> None:
    browser.open(page)
    assert len(browser.value(SHOWN)) == 8
    browser.value(typed("log-02"))
    assert browser.value(SHOWN) == ["LOG-02"]
    assert browser.value("document.querySelector('.shown').textContent") == "1 of 8 rules shown"
    browser.value(typed("nothing like that"))
    assert browser.value(SHOWN) == []
    assert browser.value("document.querySelector('.explained h3').checkVisibility()") is False
    browser.value(typed(""))
    browser.value("document.querySelectorAll('[name=verdict]').forEach((box) => box.checked || box.click())")
    browser.value("document.querySelectorAll('[name=verdict]:not([value=error])').forEach((b) => b.click())")
    assert browser.value(SHOWN) == ["LOG-07"]


def test_a_link_to_a_rule_unfolds_it(browser: Browser, page: Path) -> None:
    browser.open(page)
    fold = "document.getElementById('rule-log-03').closest('details')"
    assert browser.value(f"{fold}.open") is False
    browser.value(typed("log-01"))
    browser.value(
        "new Promise((done) => { addEventListener('hashchange', done, { once: true });"
        "const link = document.querySelector('.changes a'); link.hash = '#rule-log-03'; link.click() })"
    )
    assert browser.value(f"[{fold}.open, {fold}.checkVisibility()]") == [True, True]


def test_all_can_be_reached_and_seen_by_keyboard(browser: Browser, page: Path) -> None:
    browser.sees(1280, 900)
    browser.open(page)
    browser.press("Tab", 9)
    assert browser.value("document.activeElement.className") == "skip"
    assert browser.value("document.activeElement.getBoundingClientRect().left >= 0") is True
    there = "[...document.querySelectorAll('a, button, input, select, summary, pre')]"
    wanted = browser.value(f"{there}.filter((one) => one.checkVisibility()).length")
    reached = []
    while (name := browser.value("document.activeElement.tagName")) != "BODY":
        style = browser.value("getComputedStyle(document.activeElement).outlineStyle")
        assert style != "none", browser.value("document.activeElement.outerHTML")
        reached.append(name)
        browser.press("Tab", 9)
        assert len(reached) <= wanted
    assert len(reached) == wanted
    assert set(reached) == {"A", "BUTTON", "INPUT", "SELECT", "SUMMARY", "PRE"}


@pytest.mark.parametrize("width", [1280, 390])
def test_a_screen_reader_is_told_tables_landmarks_and_names(browser: Browser, page: Path, width: int) -> None:
    browser.sees(width, 844, phone=width < 500)
    browser.open(page)
    nodes = browser.accessible()
    roles = [node["role"]["value"] for node in nodes]
    # Also where the style makes blocks of rows, a table stays one.
    assert roles.count("table") == 3
    assert {"banner", "navigation", "main", "contentinfo", "form", "columnheader", "rowheader"} <= set(roles)
    for node in nodes:
        if node["role"]["value"] in ("button", "checkbox", "combobox", "searchbox", "link", "table", "form"):
            assert node["name"]["value"].strip(), node


def test_it_can_be_read_without_scripts(browser: Browser, page: Path) -> None:
    browser.runs_scripts(False)
    browser.open(page)
    browser.runs_scripts(True)
    assert browser.value("document.querySelector('form').checkVisibility()") is False
    assert browser.value("document.querySelector('button').checkVisibility()") is False
    assert len(browser.value(SHOWN)) == 8
    text = browser.value("document.body.innerText")
    for part in (
        "A fault of ecfleet itself",
        "LOG-02 for ecflow_client 5.9.2",
        "Authorization: Bearer ***1",
        "apt install nginx",
    ):
        assert part in text


def test_commands_are_copied(browser: Browser, page: Path) -> None:
    browser.open(page)
    browser.value("document.querySelector('header button').click()")
    assert browser.value(
        "new Promise((done) => { const button = document.querySelector('header button');"
        "if (button.textContent !== 'Copy') done(true);"
        "new MutationObserver(() => done(true)).observe(button, { childList: true }); })"
    )
    assert browser.value("document.querySelector('header button').textContent") in ("Copied", "Selected")
