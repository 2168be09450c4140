"""The page as a person uses it, in headless Chromium."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from demo_server import running
from PIL import Image
from playwright.sync_api import Locator, Page, expect, sync_playwright

from demo.parts import FIRST_PAIR
from stylemask_core.images import area_average

pytestmark = pytest.mark.browser
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run "
    "--disable-background-networking --disable-component-update --disable-sync"
)
WAIT = 30_000  # [ms] for an answer on a busy machine
PHONE, DESKTOP = {"width": 390, "height": 844}, {"width": 1280, "height": 900}


@pytest.fixture(scope="module")
def url(pipeline, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADIO_TEMP_DIR", str(tmp_path_factory.mktemp("server")))
        with running(pipeline) as demo:
            yield demo.local_url


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as playwright:
        own = playwright.chromium.executable_path
        installed = map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))
        path = next(filter(None, installed), own if Path(own).exists() else None)
        if path is None:
            pytest.fail("no Chromium: `apt-get install chromium` or `playwright install chromium`")
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS.split())
        yield browser
        browser.close()


@pytest.fixture
def page(browser, url, request):
    """The open page; fails the test when something outside this machine was asked for."""
    size = getattr(request, "param", DESKTOP)
    page = browser.new_page(viewport=size)
    page.set_default_timeout(WAIT)
    foreign: list[str] = []
    local = ("data:", "blob:", url)
    page.on("request", lambda r: r.url.startswith(local) or foreign.append(r.url))
    page.goto(url)
    picture(page, "mix-result")
    yield page
    page.close()
    assert not foreign


def picture(page: Page, name: str) -> str:
    """Address of a tile's picture, once it is there and drawn."""
    image = page.locator(f"#{name} img").first
    expect(image).to_be_attached(timeout=WAIT)
    image.scroll_into_view_if_needed()
    page.wait_for_function(
        "name => document.querySelector(`#${name} img`)?.naturalWidth > 0", arg=name, timeout=WAIT
    )
    return image.get_attribute("src")


def changed(page: Page, name: str, before: str) -> str:
    """Address of a tile's picture once it is another one than before."""
    page.wait_for_function(
        "([name, before]) => { const image = document.querySelector(`#${name} img`);"
        "return image && image.src !== before && image.naturalWidth > 0; }",
        arg=[name, before],
        timeout=WAIT,
    )
    return picture(page, name)


def tab(page: Page, name: str) -> Locator:
    page.get_by_role("tab", name=name).click()
    return page.get_by_role("tabpanel").locator("visible=true")


def test_mix_shows_a_result_at_once_and_every_control_changes_it(page, tmp_path):
    source, result = picture(page, "mix-source"), picture(page, "mix-result")
    page.get_by_role("button", name="Roll").first.click()
    source, result = changed(page, "mix-source", source), changed(page, "mix-result", result)
    assert page.get_by_label("Source seed").first.input_value() != str(FIRST_PAIR[0])
    page.get_by_label("Target seed").first.fill("77")
    result = changed(page, "mix-result", result)
    page.get_by_label("number input for Strength").first.fill("0.3")
    result = changed(page, "mix-result", result)
    page.get_by_label("Coarse").first.click()
    expect(page.get_by_label("All layers").first).not_to_be_checked()
    result = changed(page, "mix-result", result)
    page.get_by_label("number input for Truncation").first.fill("0.2")
    changed(page, "mix-source", source)
    page.screenshot(path=tmp_path / "mix.png", full_page=True)


def test_one_source_is_shown_after_eight_targets_and_a_click_takes_one(page, tmp_path):
    result = picture(page, "mix-result")
    page.get_by_role("button", name="Show against 8 targets").click()
    expect(page.locator("#mix-gallery img")).to_have_count(8, timeout=WAIT)
    addresses = {image.get_attribute("src") for image in page.locator("#mix-gallery img").all()}
    assert len(addresses) == 8
    page.locator("#mix-gallery button.thumbnail-item").nth(2).click()
    changed(page, "mix-result", result)
    expect(page.get_by_label("Target seed").first).to_have_value(str(FIRST_PAIR[1] + 3))
    page.screenshot(path=tmp_path / "targets.png", full_page=True)


def test_a_bad_seed_is_answered_in_words_and_the_page_goes_on(page):
    result = picture(page, "mix-result")
    page.get_by_label("Source seed").first.fill("-3")
    expect(page.get_by_text("Source seed -3 is not usable").first).to_be_visible(timeout=WAIT)
    page.get_by_label("Source seed").first.fill("5")
    changed(page, "mix-result", result)


def test_reenact_takes_an_example_and_an_upload(page, pipeline, tmp_path):
    tab(page, "Reenact")
    result = picture(page, "reenact-result")  # the first example is there from the start
    for name in ("source-crop", "source-inverted", "target-crop", "target-inverted"):
        picture(page, f"reenact-{name}")
    page.locator("#reenact-examples button.thumbnail-item").nth(1).click()
    result, crop = changed(page, "reenact-result", result), picture(page, "reenact-source-crop")
    head = area_average(pipeline.synthesize(pipeline.sample(50)).image, 256)
    head.save(tmp_path / "head.png")
    page.get_by_label("Remove Image").first.click()
    expect(page.locator("#reenact-result img")).to_have_count(0, timeout=WAIT)
    page.set_input_files("#reenact-source input[type=file]", tmp_path / "head.png")
    changed(page, "reenact-source-crop", crop)
    changed(page, "reenact-result", result)
    page.screenshot(path=tmp_path / "reenact.png", full_page=True)


def test_a_picture_that_cannot_be_used_is_answered_in_words(page, tmp_path):
    tab(page, "Reenact")
    picture(page, "reenact-result")
    Image.new("RGB", (1, 1)).save(tmp_path / "dot.png")
    page.get_by_label("Remove Image").first.click()
    page.set_input_files("#reenact-source input[type=file]", tmp_path / "dot.png")
    expect(page.get_by_text("The source file is 1×1 px").first).to_be_visible(timeout=WAIT)


def test_inspect_draws_its_figures_fills_its_table_and_offers_downloads(page, pipeline, tmp_path):
    tab(page, "Inspect")
    effects = picture(page, "inspect-effects")
    picture(page, "inspect-bars")
    picture(page, "inspect-heatmap")
    expect(page.locator("#inspect-table")).to_contain_text("b8.conv")
    panel = page.get_by_role("tabpanel").locator("visible=true")
    panel.get_by_label("Source seed").fill("31")
    panel.get_by_role("button", name="Inspect").click()
    changed(page, "inspect-effects", effects)
    with page.expect_download() as download:
        page.get_by_text("Masks and styles (.npz)").click()
    assert any(name.startswith("mask/") for name in np.load(download.value.path()))
    page.screenshot(path=tmp_path / "inspect.png", full_page=True)


@pytest.mark.parametrize("page", [PHONE], indirect=True)
def test_on_a_phone_every_tab_fits_the_screen(page, tmp_path):
    for name, shown in (("Mix", "mix-result"), ("Reenact", "reenact-result")):
        tab(page, name)
        picture(page, shown)
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= PHONE["width"]
        box = page.locator(f"#{shown} img").bounding_box()
        assert box["width"] > 0.75 * PHONE["width"] and abs(box["width"] - box["height"]) < 2
        page.screenshot(path=tmp_path / f"{name}.png", full_page=True)
