"""Inspect as a person uses it, and links, in headless Chromium."""

import re
from urllib.parse import parse_qs, urlparse

import pytest
from playwright.sync_api import expect

from tests.support.browser_steps import changed, copied, picture, tab

pytest_plugins = ["tests.support.browser_fixtures"]
pytestmark = pytest.mark.browser

QUERY = (
    "tab=inspect&model=embedded&source=3&target=4&truncation=0.6&strength=1.2&fine=0&part=coarse"
)


def part(page, name):
    return page.locator(f'#inspect-chart [data-part="{name}"]')


def value(page, label):
    return page.get_by_role("tabpanel").locator("visible=true").get_by_label(label).first


def test_parts_are_shown_on_and_off_masks_are_edited_and_a_second_pair_compared(page):
    tab(page, "Inspect")
    result = picture(page, "inspect-result")
    told = page.locator("#inspect-chart .told")
    part(page, "b16.conv0/1").click()
    alone = picture(page, "inspect-alone")
    picture(page, "inspect-rest")
    picture(page, "inspect-where")
    expect(told).to_contain_text(re.compile(r"b16.conv0, part 1 of 10: \d+ channels"))
    part(page, "b16.conv0/1").press("ArrowUp")
    page.keyboard.press("Enter")
    changed(page, "inspect-alone", alone)
    expect(told).to_contain_text("Middle layers: ")
    page.locator("#inspect-on").get_by_label("Fine layers").click()
    changed(page, "inspect-result", result)
    expect(part(page, "b64.conv0")).to_contain_text("0.00")
    page.locator("#inspect-reset").click()
    expect(part(page, "b64.conv0")).not_to_contain_text("0.00")
    page.locator("#inspect-compare").get_by_role("checkbox").check()
    picture(page, "inspect-other-result")
    expect(told).to_contain_text("correlation of all masks")


def test_an_inspection_is_restored_from_its_link_and_copied_again(page, url):
    page.goto(f"{url}?{QUERY}")
    picture(page, "inspect-alone")
    told = page.locator("#inspect-chart .told")
    expect(told).to_contain_text("Coarse layers")
    expect(value(page, "Source seed")).to_have_value("3")
    expect(part(page, "b64.conv0")).to_contain_text("0.00")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.locator(".copy-link").locator("visible=true").click()
    link = copied(page, url)
    assert parse_qs(urlparse(link).query) == parse_qs(QUERY)
    assert link == page.url


def test_a_mix_is_restored_and_what_cannot_be_used_of_a_link_is_named(page, url):
    page.goto(f"{url}?tab=mix&source=3&target=<img src=x onerror=alert(1)>&strength=9&layers=fine")
    note = page.get_by_text("could not be used")
    expect(note).to_contain_text("target, strength")
    assert "onerror" not in page.locator("body").inner_html()
    expect(value(page, "Source seed")).to_have_value("3")
    expect(value(page, "Fine")).to_be_checked()
    picture(page, "mix-result")
