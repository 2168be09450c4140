"""Steps that tests of the page share."""

from pathlib import Path

from playwright.sync_api import Locator, Page, expect

WAIT = 30_000  # [ms] for an answer on a busy machine
PHONE, DESKTOP = {"width": 390, "height": 844}, {"width": 1280, "height": 900}


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


def gone(page: Page, name: str) -> None:
    """Wait until a tile is empty."""
    expect(page.locator(f"#{name} img")).to_have_count(0, timeout=WAIT)


def tab(page: Page, name: str) -> Locator:
    page.get_by_role("tab", name=name).click()
    return page.get_by_role("tabpanel").locator("visible=true")


def open_reenact(page: Page) -> str:
    """Open the Reenact tab, where the first example is shown at once; its result's address.

    Consent to photos is given.
    """
    tab(page, "Reenact")
    page.locator("#reenact-consent").get_by_role("checkbox").check()
    return picture(page, "reenact-result")


def send(page: Page, role: str, path: Path) -> None:
    """Put a picture into the Reenact tab, in place of the one that is there."""
    box = page.locator(f"#reenact-{role}")
    if box.get_by_label("Remove Image").count():
        box.get_by_label("Remove Image").click()
        gone(page, "reenact-result")
    page.set_input_files(f"#reenact-{role} input[type=file]", path)
