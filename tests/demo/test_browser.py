"""The page as a person uses it, in headless Chromium."""

import threading

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from demo.tabs.shipped import FIRST_PAIR
from stylemask.provenance import stamps
from stylemask.provenance.stamps import Origin, Stamp
from stylemask_core import StyleMaskPipeline
from stylemask_core.pictures.images import area_average
from tests.support.browser_steps import changed, gone, open_reenact, picture, send, tab
from tests.support.helpers import PATIENCE

pytest_plugins = ["tests.support.browser_fixtures"]
pytestmark = pytest.mark.browser


def test_mix_shows_a_result_at_once_and_every_control_changes_it(page):
    source, result = picture(page, "mix-source"), picture(page, "mix-result")
    page.get_by_role("button", name="Roll").first.click()
    source, result = changed(page, "mix-source", source), changed(page, "mix-result", result)
    expect(page.get_by_label("Source seed").first).not_to_have_value(str(FIRST_PAIR[0]))
    page.get_by_label("Target seed").first.fill("77")
    result = changed(page, "mix-result", result)
    page.get_by_label("number input for Strength").first.fill("0.3")
    result = changed(page, "mix-result", result)
    page.get_by_label("Coarse").first.click()
    expect(page.get_by_label("All layers").first).not_to_be_checked()
    result = changed(page, "mix-result", result)
    page.get_by_label("number input for Truncation").first.fill("0.2")
    changed(page, "mix-source", source)


def test_one_source_is_shown_after_eight_targets_and_a_click_takes_one(page):
    result = picture(page, "mix-result")
    page.get_by_role("button", name="Show the source after 8 targets").click()
    expect(page.locator("#mix-gallery img")).to_have_count(8)
    addresses = {image.get_attribute("src") for image in page.locator("#mix-gallery img").all()}
    assert len(addresses) == 8
    page.locator("#mix-gallery button.thumbnail-item").nth(2).click()
    changed(page, "mix-result", result)
    expect(page.get_by_label("Target seed").first).to_have_value(str(FIRST_PAIR[1] + 3))


def test_with_one_model_there_is_nothing_to_select(page):
    expect(page.locator("#footer")).to_contain_text("Model embedded")
    expect(page.locator("#model")).to_have_count(0)


def test_a_bad_seed_is_answered_in_words_and_the_page_goes_on(page):
    result = picture(page, "mix-result")
    page.get_by_label("Source seed").first.fill("-3")
    expect(page.get_by_text("Source seed -3 is not usable").first).to_be_visible()
    page.get_by_label("Source seed").first.fill("5")
    changed(page, "mix-result", result)


def test_reenact_takes_an_example_and_an_upload(page, pipeline, tmp_path):
    result = open_reenact(page)
    for name in ("source-crop", "source-inverted", "target-crop", "target-inverted"):
        picture(page, f"reenact-{name}")
    page.locator("#reenact-examples").get_by_role("button", name="Turn and laugh").click()
    result, crop = changed(page, "reenact-result", result), picture(page, "reenact-source-crop")
    head = area_average(pipeline.synthesize(pipeline.sample(50)).image, 256)
    head.save(tmp_path / "head.png")
    send(page, "source", tmp_path / "head.png")
    changed(page, "reenact-source-crop", crop)
    changed(page, "reenact-result", result)


def test_cancel_pressed_while_the_pair_waits_for_its_turn_ends_it_and_what_is_there_stays(
    page, monkeypatch
):
    begun, go_on, calls = threading.Event(), threading.Event(), []
    invert = StyleMaskPipeline.invert_framed

    def held(*values):
        calls.append(values)
        begun.set()
        assert go_on.wait(PATIENCE)
        return invert(*values)

    result = open_reenact(page)
    monkeypatch.setattr(StyleMaskPipeline, "invert_framed", held)
    page.locator("#reenact-refine").get_by_role("checkbox").check()
    cancel = page.locator("#reenact-cancel")
    expect(cancel).to_be_visible()
    assert begun.wait(PATIENCE)
    with page.expect_response(lambda answer: answer.request.method == "POST"):
        cancel.click()
    go_on.set()
    told = page.locator("#reenact-source-similarity")
    expect(told).to_contain_text("nothing better was found")
    strength = page.get_by_role("tabpanel").locator("visible=true")
    strength.get_by_label("number input for Strength").fill("0.3")
    changed(page, "reenact-result", result)
    assert len(calls) == 1
    expect(told).to_contain_text("nothing better was found")


def test_a_picture_that_cannot_be_used_is_answered_in_words(page, tmp_path):
    open_reenact(page)
    Image.new("RGB", (1, 1)).save(tmp_path / "dot.png")
    send(page, "source", tmp_path / "dot.png")
    expect(page.get_by_text("The source file is 1×1 px").first).to_be_visible()


def test_a_file_that_is_no_picture_does_not_stay_as_the_source(page, tmp_path):
    open_reenact(page)
    (tmp_path / "text.png").write_text("no picture")
    send(page, "source", tmp_path / "text.png")
    expect(page.get_by_text("The source file").first).to_be_visible()
    gone(page, "reenact-source")
    expect(page.locator("#reenact-target img")).to_have_count(1)


def test_inspect_draws_its_figures_fills_its_table_and_offers_downloads(page):
    tab(page, "Inspect")
    effects = picture(page, "inspect-effects")
    expect(page.locator("#inspect-chart .row")).not_to_have_count(0)
    expect(page.locator("#inspect-table")).to_contain_text("b8.conv")
    panel = page.get_by_role("tabpanel").locator("visible=true")
    panel.get_by_label("Source seed").fill("31")
    panel.get_by_role("button", name="Inspect").click()
    changed(page, "inspect-effects", effects)
    with page.expect_download() as download:
        page.get_by_text("Masks and styles (.npz)").click()
    assert any(name.startswith("mask/") for name in np.load(download.value.path()))


def test_verify_reads_the_file_as_it_came(page, tmp_path):
    """A picture that the browser or Gradio wrote anew would have lost its metadata."""
    photo = Image.radial_gradient("L").resize((512, 512)).convert("RGB")
    stamp = Stamp(Origin.PHOTO, "some/model", "0123abc")
    (tmp_path / "marked.jpg").write_bytes(stamps.encode(photo, stamp, "JPEG", quality=90))
    photo.save(tmp_path / "plain.png")
    tab(page, "Verify")
    verdict, source = page.locator("#verify-verdict"), page.locator("#verify-source_type textarea")
    expect(verdict).to_contain_text("No picture yet")
    for file, said, kind in (
        ("marked.jpg", "metadata and watermark agree", Origin.PHOTO.value),
        ("plain.png", "proves nothing", ""),
    ):
        page.set_input_files("#verify-picture input[type=file]", tmp_path / file)
        expect(verdict).to_contain_text(said)
        expect(source).to_have_value(kind)
        page.locator("#verify-picture").get_by_label("Remove Image").click()
        expect(verdict).to_contain_text("No picture yet")
