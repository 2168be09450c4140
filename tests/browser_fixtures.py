"""The page, open in headless Chromium; a plugin of the tests that use it."""

import shutil
from pathlib import Path

import pytest
from browser_steps import DESKTOP, PHONE, WAIT, picture
from playwright.sync_api import sync_playwright

FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run "
    "--disable-background-networking --disable-component-update --disable-sync "
    "--use-fake-device-for-media-stream --use-fake-ui-for-media-stream"
)


@pytest.fixture(scope="session")
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
    """The open page at the module's `url`; fails when something outside was asked for.

    Its parameter is the size of the window, or what a new page of Playwright is given.
    """
    given = getattr(request, "param", DESKTOP)
    options = given if "viewport" in given else {"viewport": given}
    page = browser.new_page(**{"has_touch": options["viewport"] == PHONE, **options})
    page.set_default_timeout(WAIT)
    foreign: list[str] = []
    local = ("data:", "blob:", url)
    page.on("request", lambda r: r.url.startswith(local) or foreign.append(r.url))
    page.goto(url)
    picture(page, "mix-result")
    yield page
    page.close()
    assert not foreign
