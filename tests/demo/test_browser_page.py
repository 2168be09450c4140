"""The page as a whole, in headless Chromium: sizes, colours, languages, keyboard."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from demo.server.models import Models
from demo.texts import WORDS
from stylemask_core import InvalidInputError
from tests.support.browser_steps import (
    DESKTOP,
    PHONE,
    changed,
    fits,
    gone,
    open_reenact,
    picture,
    tab,
)
from tests.support.photos import astronaut

pytest_plugins = ["tests.support.browser_fixtures"]
pytestmark = pytest.mark.browser

TABS = ("mix", "reenact", "inspect", "verify", "about")
SHOWN = {"mix": "mix-result", "reenact": "reenact-result", "inspect": "inspect-effects"}
LOOKS = [
    {"viewport": size, "color_scheme": scheme}
    for size in (DESKTOP, PHONE)
    for scheme in ("light", "dark")
]


def open_tab(page: Page, name: str, language: str = "en") -> None:
    """Open a tab and wait for what it shows at once."""
    label = WORDS[language][f"page.tab_{name}"]
    page.get_by_role("tab", name=label, exact=True).click()
    if name in SHOWN:
        picture(page, SHOWN[name])


@pytest.mark.parametrize("page", LOOKS, indirect=True)
def test_every_tab_fits_the_screen_in_its_colours_and_keeps_nobody_out(page):
    found = []
    for name in TABS:
        open_tab(page, name)
        fits(page)
        if (shown := SHOWN.get(name)) and page.viewport_size == PHONE and name != "inspect":
            box = page.locator(f"#{shown} img").bounding_box()
            assert box["width"] > 0.75 * PHONE["width"] and abs(box["width"] - box["height"]) < 2
        for violation in Axe().run(page).response["violations"]:
            if violation["impact"] in ("serious", "critical"):
                found += [(name, violation["id"], node["html"]) for node in violation["nodes"]]
    assert not found
    red = page.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/)[0]")
    dark = page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
    assert (int(red) < 60) == dark


@pytest.mark.parametrize("page", [{"viewport": PHONE, "locale": "de-DE"}], indirect=True)
def test_a_german_browser_shows_german(page):
    for name in TABS:
        open_tab(page, name, "de")
        expect(page.locator("body")).not_to_contain_text("__i18n__")
        for english in ("Remove Image", "Upload file", "Fullscreen", "Copy", "Click to Access"):
            expect(page.get_by_label(english)).to_have_count(0)
    open_tab(page, "reenact", "de")
    said = page.locator("#reenact-source-marks")
    expect(said).to_contain_text(WORDS["de"]["marks.by_hand"])
    expect(page.get_by_role("button", name=WORDS["de"]["reenact.laugh"])).to_be_visible()
    expect(page.locator("#reenact-result img")).to_have_attribute(
        "alt", "Ergebnis die Quelle, neu gestellt"
    )
    fits(page)


def test_the_first_result_needs_no_model_and_a_failed_load_is_told(browser, url, monkeypatch):
    def fail(*_, **__):
        raise InvalidInputError("the weights are damaged: fetch them again")

    monkeypatch.setattr(Models, "get", fail)
    page = browser.new_page(viewport=DESKTOP)
    page.goto(url)
    for role in ("source", "target", "result"):
        picture(page, f"mix-{role}")
    page.get_by_role("button", name="Roll").first.click()
    expect(page.get_by_text("The weights are damaged").first).to_be_visible()
    page.close()


def test_a_named_pair_brings_its_seeds_and_pictures(page):
    result = picture(page, "mix-result")
    page.get_by_role("button", name="Robin → Noa").click()
    changed(page, "mix-result", result)
    expect(page.get_by_label("Source seed").first).to_have_value("40")
    expect(page.get_by_label("Target seed").first).to_have_value("8")


def test_a_photo_is_looked_at_after_consent_which_counts_in_every_tab(page, tmp_path):
    astronaut().save(tmp_path / "photo.png")
    tab(page, "Reenact")
    picture(page, "reenact-result")
    page.locator("#reenact-source").get_by_label("Remove Image").click()
    gone(page, "reenact-result")
    page.set_input_files("#reenact-source input[type=file]", tmp_path / "photo.png")
    note = page.locator("#reenact-note")
    expect(note).to_contain_text("Please confirm above")
    expect(page.locator("#reenact-source-crop img")).to_have_count(0)
    page.locator("#reenact-consent").get_by_role("checkbox").check()
    picture(page, "reenact-result")
    expect(note).not_to_contain_text("Please confirm")
    tab(page, "Inspect")
    page.locator("#inspect-kind").get_by_label("Pictures").click()
    expect(page.locator("#inspect-consent").get_by_role("checkbox")).to_be_checked()


def test_before_and_after_lie_over_each_other(page):
    open_reenact(page)
    images = page.locator("#reenact-compare img")
    expect(images).to_have_count(2)
    inverted, result = (picture(page, f"reenact-{name}") for name in ("source-inverted", "result"))
    for image, address in zip((images.first, images.last), (inverted, result), strict=True):
        expect(image).to_have_attribute("src", address)


def test_the_keyboard_chooses_sets_and_moves_marks(page):
    open_reenact(page)
    marks = page.locator("#reenact-source-marks")
    expect(marks.locator(".dot")).to_have_count(4)
    crop = picture(page, "reenact-source-crop")
    marks.get_by_role("radio", name="Face 1").focus()
    page.keyboard.press("ArrowRight")
    chosen = marks.get_by_role("radio", checked=True)
    expect(chosen).to_have_text("Mark by hand")
    expect(chosen).to_be_focused()
    page.keyboard.press("Tab")  # the only other stop of the chips would be the chosen one
    place = marks.get_by_role("button", name="Place all four")
    place.focus()
    page.keyboard.press("Enter")
    dot = marks.locator("[data-dot='0']")
    expect(dot).to_be_focused()
    crop = changed(page, "reenact-source-crop", crop)
    before = float(dot.locator(".touch").get_attribute("cx"))
    for _ in range(3):
        page.keyboard.press("Shift+ArrowLeft")
    expect(dot).to_be_focused()
    assert float(dot.locator(".touch").get_attribute("cx")) < before - 3
    changed(page, "reenact-source-crop", crop)
