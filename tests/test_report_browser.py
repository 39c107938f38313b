"""The page in a real browser: drawn, filtered by mouse and keyboard, readable on a phone and by night."""

import re

import browser
import pytest
from reporting import directions, ended, heavy_ball, hostile, mixed, period, report

from refopt.conformance.report_html import html

CHROMIUM = browser.find()
pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="no Chromium is installed; name one in the environment variable CHROMIUM"
)
VISIBLE = "[...document.querySelectorAll('.case')].filter(e => e.offsetHeight).map(e => e.dataset.verdict)"
SHOWN = "document.getElementById('shown').textContent"


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    with browser.opened(CHROMIUM, tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.fixture
def visit(page, tmp_path):
    """Open a report's page at a width; nothing may be said on the console or loaded besides the file."""
    paths = []

    def open_page(found, width=1200, fragment=""):
        path = tmp_path / f"report{len(paths)}.html"
        path.write_text(html(found), encoding="utf-8")
        paths.append(path.resolve().as_uri())
        page.size(width)
        page.scheme("light")
        page.said.clear(), page.asked.clear()
        page.open(path, fragment)
        return page

    yield open_page
    page.run("1")  # what was still to be said
    assert page.said == []
    assert {address.partition("#")[0] for address in page.asked if not address.startswith("data:")} <= set(
        paths
    )


def test_the_first_failure_is_open_and_pictures_are_drawn(visit):
    page = visit(mixed())
    assert page.run("document.querySelector('h1').innerText") == "mine 0.1, Python"
    assert page.run("document.querySelector('.case[open] .tag').innerText") == "fail"
    assert page.run("document.querySelectorAll('.case[open]').length") == 1
    box = page.run(
        "(b => [b.width, b.height])(document.querySelector('section .chart').getBoundingClientRect())"
    )
    assert min(box) > 100
    assert page.run(SHOWN) == f"All {len(mixed().scores)} cases"


def test_a_click_on_a_count_filters_and_another_one_undoes_it(visit):
    page = visit(mixed())
    page.click(".counts button.skip")
    assert page.run(VISIBLE) == ["skip"]
    assert page.run(SHOWN) == f"1 of {len(mixed().scores)} cases"
    assert page.run("location.hash") == "#verdict=skip"
    page.click(".counts button.skip")
    assert len(page.run(VISIBLE)) == len(mixed().scores)
    assert page.run("location.hash") == ""


def test_a_click_on_a_cell_filters_by_method_and_level(visit):
    page = visit(mixed())
    page.click(".matrix tbody td:nth-child(3) button")
    assert page.run("[document.forms[0].method.value, document.forms[0].level.value]") == [
        "first_order",
        "L4",
    ]
    assert page.run(VISIBLE) == ["fail"]


def test_text_and_the_choice_of_failures_filter_together(visit):
    page = visit(mixed())
    page.click("input[name=text]")
    page.type("WHAT was said timeout")
    assert page.run(VISIBLE) == ["timeout"]
    page.click("button[type=reset]")
    page.run("new Promise(done => setTimeout(done, 20))")
    assert len(page.run(VISIBLE)) == len(mixed().scores)
    page.run(
        "(e => { e.value = 'failures'; e.dispatchEvent(new Event('input', {bubbles: true})); })"
        "(document.forms[0].elements.verdict)"
    )
    assert set(page.run(VISIBLE)) == {"fail", "timeout", "crash", "protocol", "xpass"}


def test_a_linked_view_is_restored_and_nonsense_in_it_ignored(visit):
    assert visit(mixed(), fragment="#verdict=crash").run(VISIBLE) == ["crash"]
    assert len(visit(mixed(), fragment="#verdict=no&level=%3Cb%3E").run(VISIBLE)) == len(mixed().scores)


def test_a_case_opens_and_a_count_filters_from_the_keyboard(visit):
    page = visit(mixed())
    page.run("document.querySelectorAll('.case summary')[1].focus()")
    page.press("Enter", 13)
    assert page.run("document.querySelectorAll('.case')[1].open") is True
    page.run("document.querySelector('.counts button.skip').focus()")
    page.press("Enter", 13)
    assert page.run(VISIBLE) == ["skip"]


def test_tab_reaches_the_jump_to_the_cases_first(visit):
    page = visit(mixed())
    page.press("Tab", 9)
    assert page.run("document.activeElement.className") == "jump"
    assert page.run("document.activeElement.getBoundingClientRect().x") >= 0


@pytest.mark.parametrize("make", [mixed, hostile, lambda: report(heavy_ball(theta_next=[0.75, 2.0]))])
def test_nothing_is_wider_than_a_phone(visit, make):
    page = visit(make(), width=400)
    page.run("document.querySelectorAll('.case').forEach(e => { e.open = true; })")
    assert page.run("document.documentElement.scrollWidth") <= 400
    smallest = page.run(
        "Math.min(...[...document.querySelectorAll('.chart text')].map(e => {"
        "const m = e.getScreenCTM(); return parseFloat(getComputedStyle(e).fontSize) * m.a; }), 99)"
    )
    assert smallest >= 10


def luminance(color):
    """The relative luminance of "rgb(r, g, b)" (WCAG 2)."""
    parts = [int(x) / 255 for x in re.findall(r"\d+", color)[:3]]
    linear = [x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(page, selector):
    """The contrast of an element's text to what lies behind it."""
    colors = page.run(
        f"(e => {{ let b = e; while (getComputedStyle(b).backgroundColor === 'rgba(0, 0, 0, 0)') "
        "b = b.parentElement; return [getComputedStyle(e).color, getComputedStyle(b).backgroundColor]; })"
        f"(document.querySelector('{selector}'))"
    )
    light, dark = sorted(map(luminance, colors), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_is_readable_by_day_and_by_night(visit, scheme):
    alternative = directions(-1.0, 2.0, -4.0)._replace(verdict="pass-alt")
    page = visit(report(*mixed().scores, alternative))
    page.scheme(scheme)
    background = luminance(page.run("getComputedStyle(document.body).backgroundColor"))
    assert (background < 0.05) is (scheme == "dark")
    tags = [f".tag.{kind}" for kind in ("pass", "alt", "known", "skip", "fail")]
    for selector in ("body", ".soft", ".outcome", ".figure", "pre", *tags):
        assert contrast(page, selector) >= 4.5, selector


def test_a_hostile_adapter_runs_nothing(visit):
    page = visit(hostile())
    assert page.run("document.querySelectorAll('img').length") == 0
    assert page.run("document.scripts.length") == 1
    assert "alert(1)" in page.run("document.querySelector('h1').innerText")


def test_markup_that_slipped_through_would_be_stopped_by_the_policy(page, tmp_path):
    # The planted fault: a script and a picture right in the page.
    path = tmp_path / "planted.html"
    planted = "<script>window.ran = 1</script><img src='http://localhost:9/x.png'><b onclick='1'>x</b>"
    path.write_text(html(report(period("a"), ended("skip"))).replace("<main>", f"<main>{planted}"))
    page.size(1200)
    page.said.clear()
    page.open(path)
    assert page.run("window.ran") is None
    assert sum("Content Security Policy" in line for line in page.said) >= 2
    page.said.clear(), page.asked.clear()
