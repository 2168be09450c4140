"""Camera and clipboard, where the browser lends them to the page and where it does not."""

import pytest
from playwright.sync_api import Locator, Page, expect

from demo.tabs.about_tab import CITATION
from demo.texts import WORDS
from tests.support.browser_steps import (
    DESKTOP,
    ELSEWHERE,
    PHONE,
    copied,
    fits,
    gone,
    open_reenact,
    picture,
    tab,
)
from tests.support.photos import astronaut

pytest_plugins = ["tests.support.browser_fixtures"]
pytestmark = pytest.mark.browser

PLAIN_HTTP = [
    {"host": ELSEWHERE, "viewport": DESKTOP, "locale": "en-GB"},
    {"host": ELSEWHERE, "viewport": PHONE, "locale": "de-DE"},
]
FAILURES = {
    "NotAllowedError": "camera_refused",
    "NotFoundError": "camera_missing",
    "NotReadableError": "camera_fails",
}
SLOW_UPLOADS = """() => {
  const usual = window.fetch;
  window.fetch = async (...values) => {
    if (String(values[0]).includes("/upload")) await new Promise((done) => setTimeout(done, 1000));
    return usual(...values);
  };
}"""
COPY_PICTURE = """async () => {
  const canvas = new OffscreenCanvas(300, 200);
  canvas.getContext("2d").fillRect(0, 0, 300, 200);
  const blob = await canvas.convertToBlob({type: "image/png"});
  await navigator.clipboard.write([new ClipboardItem({"image/png": blob})]);
}"""


def empty_source(page: Page) -> Locator:
    """The place for the source on the Reenact tab, without a picture."""
    open_reenact(page)
    source = page.locator("#reenact-source")
    source.get_by_label("Remove Image").click()
    gone(page, "reenact-result")
    return source


def said(page: Page, name: str) -> Locator:
    return page.locator(f"#{name}-device [role=status]")


@pytest.mark.parametrize("page", PLAIN_HTTP, indirect=True)
def test_over_plain_http_their_buttons_say_why_and_leave_the_upload_where_it_is(page, tmp_path):
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    words = WORDS[page.evaluate("document.documentElement.lang.slice(0, 2)")]
    assert not page.evaluate("isSecureContext")
    tab(page, words["page.tab_inspect"])
    picture(page, "inspect-effects")
    page.locator("#inspect-kind").get_by_label(words["inspect.kind_pictures"]).click()
    tab(page, words["page.tab_reenact"])
    picture(page, "reenact-result")
    page.locator("#reenact-source").get_by_label(words["names.remove"]).click()
    gone(page, "reenact-source")
    for title, name, devices in (
        ("reenact", "reenact-source", ("camera", "clipboard")),
        ("inspect", "inspect-target", ("camera", "clipboard")),
        ("verify", "verify-picture", ("clipboard",)),
    ):
        tab(page, words[f"page.tab_{title}"])
        place = page.locator(f"#{name}")
        for device in devices:
            place.get_by_label(words[f"names.{device}"], exact=True).click()
            expect(said(page, name)).to_have_text(words[f"devices.{device}_insecure"])
            expect(said(page, name)).to_be_visible()
            fits(page)
        expect(place.locator("input[type=file]")).to_be_attached()
        expect(page.locator(".toast-wrap")).not_to_contain_text(".")
    astronaut().save(tmp_path / "photo.png")
    page.set_input_files("#verify-picture input[type=file]", tmp_path / "photo.png")
    picture(page, "verify-picture")
    expect(said(page, "verify-picture")).to_be_hidden()
    assert not errors


@pytest.mark.parametrize("page", PLAIN_HTTP[:1], indirect=True)
def test_over_plain_http_links_tables_and_the_citation_are_copied_all_the_same(page, url):
    other = page.context.browser.new_page()  # the clipboard is one, and this page may read it
    other.context.grant_permissions(["clipboard-read", "clipboard-write"])
    other.goto(f"{url}theme.css")
    dialogs: list[str] = []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    page.locator(".copy-link").locator("visible=true").click()
    other.bring_to_front()
    assert copied(other, "http") == page.url and "source=" in page.url
    page.bring_to_front()
    tab(page, "About")
    page.locator(".citation").get_by_label("Copy").click()
    other.bring_to_front()
    assert copied(other, "@") == CITATION
    assert not dialogs
    other.close()


@pytest.mark.parametrize("page", [DESKTOP, PHONE], indirect=True)
def test_from_the_camera_there_is_a_way_back_to_the_upload(page, tmp_path):
    source = empty_source(page)
    source.get_by_label("Capture from camera").click()
    source.get_by_text("Click to Access Webcam").click()
    shutter = source.get_by_label("capture photo")
    expect(shutter).to_be_visible()
    back = source.get_by_label("Upload file")
    below = back.bounding_box()["y"] - sum(shutter.bounding_box()[x] for x in ("y", "height"))
    assert below > 0
    back.click()
    expect(source.locator("video")).to_have_count(0)
    astronaut().save(tmp_path / "photo.png")
    page.set_input_files("#reenact-source input[type=file]", tmp_path / "photo.png")
    picture(page, "reenact-source-crop")


def test_the_camera_gives_a_source_however_long_the_picture_travels(page):
    """While it does, a hidden image of the camera's is where the picture will be."""
    page.evaluate(SLOW_UPLOADS)
    source = empty_source(page)
    source.get_by_label("Capture from camera").click()
    source.get_by_text("Click to Access Webcam").click()
    page.wait_for_function("document.querySelector('#reenact-source video')?.videoWidth > 0")
    source.get_by_label("capture photo").click()
    picture(page, "reenact-source")
    picture(page, "reenact-result")
    picture(page, "reenact-source-crop")


@pytest.mark.parametrize("error", FAILURES)
def test_a_camera_that_is_refused_missing_or_in_use_is_told(browser, url, error):
    page = browser.new_page(viewport=DESKTOP)
    page.add_init_script(
        "navigator.mediaDevices.getUserMedia ="
        f" () => Promise.reject(new DOMException('no', '{error}'))"
    )
    page.goto(url)
    source = empty_source(page)
    source.get_by_label("Capture from camera").click()
    source.get_by_text("Click to Access Webcam").click()
    expect(said(page, "reenact-source")).to_have_text(WORDS["en"][f"devices.{FAILURES[error]}"])
    source.get_by_label("Upload file").click()
    expect(said(page, "reenact-source")).to_be_empty()
    page.close()


def test_a_clipboard_that_is_refused_or_holds_no_picture_is_told_and_one_with_a_picture_is_taken(
    page,
):
    source = empty_source(page)
    paste = source.get_by_label("Paste from clipboard")
    paste.click()
    expect(said(page, "reenact-source")).to_have_text(WORDS["en"]["devices.clipboard_refused"])
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.evaluate("navigator.clipboard.writeText('words')")
    paste.click()
    expect(said(page, "reenact-source")).to_have_text(WORDS["en"]["devices.clipboard_empty"])
    page.evaluate(COPY_PICTURE)
    source.get_by_text("Paste from Clipboard").click()
    picture(page, "reenact-source")
    expect(said(page, "reenact-source")).to_be_hidden()
