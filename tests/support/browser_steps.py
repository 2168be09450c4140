"""Steps that tests of the page share.

Nothing here waits for a time: `expect` and everything else wait for what should be seen, as long as
`browser_fixtures` lets them.
"""

from pathlib import Path

from playwright.sync_api import Locator, Page, expect

from tests.support.helpers import wait_for

ELSEWHERE = "stylemask.test"  # this machine, by a name that the browser takes for another one's
PHONE, DESKTOP = {"width": 390, "height": 844}, {"width": 1280, "height": 900}
# The address of a tile's picture once it is drawn; scrolled to, as the browser may leave others be.
# The camera has a hidden image in the same place.
DRAWN = """([name, before]) => {
  const image = document.querySelector(`#${name} img:not(.hide)`);
  image?.scrollIntoView({block: "center"});
  return image?.naturalWidth > 0 && image.src !== before && image.src;
}"""


def picture(page: Page, name: str) -> str:
    """Address of a tile's picture, once it is there and drawn."""
    return changed(page, name, "")


def changed(page: Page, name: str, before: str) -> str:
    """Address of a tile's picture once it is another one than before."""
    return page.wait_for_function(DRAWN, arg=[name, before]).json_value()


def gone(page: Page, name: str) -> None:
    """Wait until a tile is empty."""
    expect(page.locator(f"#{name} img:not(.hide)")).to_have_count(0)


def fits(page: Page) -> None:
    """Wait until nothing is wider than the window."""
    page.wait_for_function("document.documentElement.scrollWidth <= innerWidth")


def copied(page: Page, start: str) -> str:
    """What is in the clipboard, once it begins so; the page may read it."""

    def text() -> str | None:
        words: str = page.evaluate("navigator.clipboard.readText()")
        return words if words.startswith(start) else None

    return wait_for(text)  # wait_for_function takes a promise for true, whatever comes of it


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
