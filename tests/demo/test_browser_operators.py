"""What the page says of operators while they are compiled and afterwards."""

import shutil

import pytest
from playwright.sync_api import expect

from op import build
from tests.support.demo_server import running
from tests.support.helpers import wait_for
from tests.support.workshop import Workshop

pytest_plugins = ["tests.support.browser_fixtures"]
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not shutil.which("g++"), reason="there is no g++"),
]


@pytest.fixture
def workshop(tmp_path, monkeypatch):
    """A library that stands for the CPU's operators and waits at a gate."""
    workshop = Workshop(tmp_path / "workshop", monkeypatch)
    workshop.close_gate()
    monkeypatch.setitem(build.LIBRARIES, "cpu", workshop.library())
    yield workshop
    workshop.gate.touch()


@pytest.fixture
def url(workshop, tiny_folder):
    with running(tiny_folder) as demo:
        yield demo.local_url


def test_the_footer_tells_of_the_compiler_until_a_page_is_opened_after_it(page, workshop):
    footer = page.locator("#footer")
    expect(footer).to_contain_text("Operators PyTorch's, until the compiler is done")
    workshop.gate.touch()
    wait_for(lambda: build.status()["cpu"]["state"] == "native")
    page.reload()
    expect(footer).to_contain_text("Operators compiled")
