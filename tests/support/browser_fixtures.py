"""The page, open in headless Chromium; a plugin of the tests that use it."""

import shutil
from pathlib import Path

import pytest
from playwright.sync_api import expect, sync_playwright

from tests.support.browser_steps import DESKTOP, ELSEWHERE, PHONE, picture
from tests.support.demo_server import running
from tests.support.helpers import PATIENCE

WAIT = PATIENCE * 1000  # [ms]
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream",
    f"--host-resolver-rules=MAP {ELSEWHERE} 127.0.0.1",
]  # fmt: skip
expect.set_options(timeout=WAIT)


@pytest.fixture(scope="session")
def browser():
    with sync_playwright() as playwright:
        own = playwright.chromium.executable_path
        installed = map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))
        path = next(filter(None, installed), own if Path(own).exists() else None)
        if path is None:
            pytest.fail("no Chromium: `apt-get install chromium` or `playwright install chromium`")
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS, timeout=WAIT)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def url():
    """The page with the embedded model; modules that need another one have their own."""
    with running("embedded") as demo:
        yield demo.local_url


@pytest.fixture
def page(browser, url, request):
    """The open page at the module's `url`; fails when something outside was asked for.

    Its parameter is the size of the window, or what a new page of Playwright is given, and
    "host", a name to open the page by.
    """
    given = getattr(request, "param", DESKTOP)
    options = {"viewport": DESKTOP} | (given if "width" not in given else {"viewport": given})
    address = url.replace("127.0.0.1", options.pop("host", "127.0.0.1"))
    page = browser.new_page(**{"has_touch": options["viewport"] == PHONE, **options})
    page.set_default_timeout(WAIT)
    foreign: list[str] = []
    local = ("data:", "blob:", address)
    page.on("request", lambda r: r.url.startswith(local) or foreign.append(r.url))
    page.goto(address)
    picture(page, "mix-result")
    yield page
    page.close()
    assert not foreign
