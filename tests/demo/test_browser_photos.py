"""Models and photos on the page, in headless Chromium."""

import time

import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from tests.support.browser_steps import (
    DESKTOP,
    PHONE,
    changed,
    fits,
    gone,
    open_reenact,
    picture,
    send,
    tab,
)
from tests.support.demo_server import photo_model, running
from tests.support.photos import POINTS, astronaut

pytest_plugins = ["tests.support.browser_fixtures"]
pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def url(tiny_folder, tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    with running("embedded", photo_model(tiny_folder, folder), folder / "gone") as demo:
        yield demo.local_url


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """One face; two faces; none."""
    folder = tmp_path_factory.mktemp("photos")
    two = Image.new("RGB", (940, 512), "grey")
    two.paste(astronaut())
    two.paste(astronaut().resize((400, 400)), (540, 60))
    pictures = {"one": astronaut(), "two": two, "none": Image.new("RGB", (600, 400), "teal")}
    for name, photo in pictures.items():
        photo.save(folder / f"{name}.png")
    return {name: folder / f"{name}.png" for name in pictures}


def choose(page: Page, model: str) -> None:
    page.locator("#model input").click()
    page.get_by_role("option", name=model).click()


def marks(page: Page, role: str, part: str, on: str = "reenact") -> Locator:
    return page.locator(f"#{on}-{role}-marks {part}")


def spot(page: Page, role: str, x: float, y: float, on: str = "reenact") -> tuple[float, float]:
    """Where a pixel of a photo lies in the window."""
    return tuple(
        page.evaluate(
            """([id, x, y]) => {
                const svg = document.querySelector(`#${id} svg`);
                svg.scrollIntoView({block: "center"});
                const point = new DOMPoint(x, y).matrixTransform(svg.getScreenCTM());
                return [point.x, point.y];
            }""",
            [f"{on}-{role}-marks", x, y],
        )
    )


def click_points(page: Page, role: str, points, already: int = 0, on: str = "reenact") -> None:
    for count, (x, y) in enumerate(points, already + 1):
        page.mouse.click(*spot(page, role, x, y, on))
        expect(marks(page, role, ".dot", on)).to_have_count(count)


def test_a_choice_of_model_changes_pictures_controls_and_footer(page):
    before = picture(page, "mix-result")
    expect(page.get_by_label("Fine, 64–128 px").first).to_be_visible()
    choose(page, "photos")
    expect(page.locator("#footer")).to_contain_text("Model photos: noise, 16 px")
    other = changed(page, "mix-result", before)
    expect(page.get_by_label("number input for Truncation").first).to_have_value("0.5")
    expect(page.get_by_label("Coarse, 4–8 px").first).to_be_visible()
    expect(page.get_by_label("Fine, 64–128 px")).to_have_count(0)
    page.get_by_label("Target seed").first.fill("77")
    changed(page, "mix-result", other)
    tab(page, "Inspect")
    picture(page, "inspect-effects")
    expect(page.locator("#inspect-table")).not_to_contain_text("b16")
    choose(page, "embedded")
    expect(page.locator("#footer")).to_contain_text("Model embedded")
    expect(page.locator("#inspect-table")).to_contain_text("b16")


def test_a_model_that_cannot_be_loaded_is_told_and_the_page_stays_with_the_last(page):
    before = picture(page, "mix-result")
    choose(page, "gone")
    expect(page.get_by_text("No model folder at 'gone'").first).to_be_visible()
    expect(page.locator("#model input")).to_have_value("embedded")
    expect(page.locator("#footer")).to_contain_text("Model embedded")
    page.get_by_label("Source seed").first.fill("5")
    changed(page, "mix-result", before)


def test_faces_are_numbered_and_one_is_chosen_on_the_photo_or_by_its_name(page, photos):
    open_reenact(page)
    send(page, "source", photos["two"])
    expect(marks(page, "source", ".face")).to_have_count(2)
    expect(marks(page, "source", ".face text")).to_have_text(["1", "2"])
    first = picture(page, "reenact-source-crop")
    result = picture(page, "reenact-result")
    page.mouse.click(*spot(page, "source", 716, 155))  # the right one's nose
    expect(marks(page, "source", "[aria-checked=true]")).to_have_text("Face 2")
    second = changed(page, "reenact-source-crop", first)
    changed(page, "reenact-result", result)
    marks(page, "source", "button").get_by_text("Face 1").click()
    assert changed(page, "reenact-source-crop", second) == first


def test_a_point_is_corrected_by_dragging_it(page, photos):
    open_reenact(page)
    send(page, "source", photos["one"])
    expect(marks(page, "source", ".dot")).to_have_count(4)
    crop = picture(page, "reenact-source-crop")
    dot = marks(page, "source", "[data-dot='0'] .touch")
    dot.scroll_into_view_if_needed()
    box = dot.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x - 30, y + 5, steps=4)
    page.mouse.up()
    expect(marks(page, "source", "[aria-checked=true]")).to_have_text("Mark by hand")
    changed(page, "reenact-source-crop", crop)


def test_only_a_square_picture_is_offered_as_aligned_already(page, photos):
    open_reenact(page)
    send(page, "source", photos["two"])
    send(page, "target", photos["one"])
    expect(marks(page, "source", "[data-choice]:is(button)")).to_have_text(
        ["Face 1", "Face 2", "Mark by hand"]
    )
    expect(marks(page, "target", "[data-choice]:is(button)")).to_have_text(
        ["Face 1", "Mark by hand", "Already aligned"]
    )


def test_marks_that_cannot_be_used_leave_no_result_of_earlier_ones(page, photos):
    open_reenact(page)
    send(page, "source", photos["two"])
    picture(page, "reenact-result")
    page.locator("#reenact-paste-back").get_by_role("checkbox").check()
    picture(page, "reenact-pasted")
    marks(page, "source", "button").get_by_text("Mark by hand").click()
    click_points(page, "source", [(x, 400) for x in (100, 300, 500, 700)])
    expect(page.get_by_text("on one spot or one line").first).to_be_visible()
    for name in ("result", "pasted", "source-crop"):
        gone(page, f"reenact-{name}")
    marks(page, "source", "button").get_by_text("Face 1").click()
    picture(page, "reenact-result")


def test_the_keyboard_stays_on_the_chip_it_pressed_and_the_hint_is_one_element(page, photos):
    open_reenact(page)
    send(page, "source", photos["two"])
    expect(marks(page, "source", ".face")).to_have_count(2)
    hint = marks(page, "source", "[role=status]").element_handle()
    for name in ("Face 2", "Mark by hand"):
        marks(page, "source", "button").get_by_text(name).focus()
        page.keyboard.press("Enter")
        chip = marks(page, "source", "[aria-checked=true]")
        expect(chip).to_have_text(name)
        expect(chip).to_be_focused()
    click_points(page, "source", POINTS[:2])
    undo = marks(page, "source", "[data-undo]")
    undo.focus()
    page.keyboard.press("Enter")
    expect(undo).to_be_focused()
    page.keyboard.press("Enter")
    expect(undo).to_be_hidden()
    expect(marks(page, "source", "[aria-checked=true]")).to_be_focused()
    assert hint.evaluate("hint => hint.isConnected && hint.textContent").startswith("1 of 4")


@pytest.mark.parametrize("page", [DESKTOP, PHONE], indirect=True)
def test_nothing_below_moves_while_a_photo_is_being_marked(page, photos):
    open_reenact(page)
    choose(page, "photos")
    expect(page.locator("#footer")).to_contain_text("Model photos")
    send(page, "source", photos["none"])
    expect(marks(page, "source", ".hint")).to_contain_text("1 of 4")
    line = "document.querySelector('#reenact-target').getBoundingClientRect().top + scrollY"
    if page.viewport_size != PHONE:  # there the target is beside the source, not below it
        line = line.replace("#reenact-target", "#reenact-result")
    before = page.evaluate(line)
    for count, point in enumerate([(220, 150), (380, 150), (240, 260)]):
        click_points(page, "source", [point], already=count)
        assert page.evaluate(line) == before


def test_where_no_face_is_found_four_clicks_mark_it(page, photos):
    open_reenact(page)
    choose(page, "photos")
    expect(page.locator("#footer")).to_contain_text("Model photos")
    send(page, "target", photos["one"])
    send(page, "source", photos["none"])
    hint = marks(page, "source", ".hint")
    expect(hint).to_contain_text("No face was found")
    expect(hint).to_contain_text("1 of 4: click the eye on the left")
    gone(page, "reenact-result")
    click_points(page, "source", [(220, 150), (380, 150)])
    expect(hint).to_contain_text("3 of 4: click the left corner of the mouth")
    marks(page, "source", "[data-undo]").click()
    expect(hint).to_contain_text("2 of 4: click the eye on the right")
    click_points(page, "source", [(380, 150), (240, 260), (360, 260)], already=1)
    picture(page, "reenact-source-crop")
    picture(page, "reenact-result")


def test_marks_lie_on_the_spots_of_the_photo_that_they_stand_for(page, photos):
    open_reenact(page)
    send(page, "source", photos["one"])
    expect(marks(page, "source", ".dot")).to_have_count(4)
    corners = [*spot(page, "source", 0, 0), *spot(page, "source", 512, 512)]
    shown = page.locator("#reenact-source img").bounding_box()
    right, bottom = shown["x"] + shown["width"], shown["y"] + shown["height"]
    assert corners == pytest.approx([shown["x"], shown["y"], right, bottom], abs=2)
    marks(page, "source", "button").get_by_text("Mark by hand").click()
    click_points(page, "source", POINTS)
    drawn = marks(page, "source", ".dot circle:not(.touch)").all()
    for (x, y), dot in zip(POINTS, drawn, strict=True):
        assert abs(float(dot.get_attribute("cx")) - x) < 2
        assert abs(float(dot.get_attribute("cy")) - y) < 2


def test_the_result_is_pasted_back_into_the_photo_when_that_is_wanted(page, photos):
    open_reenact(page)
    send(page, "source", photos["two"])
    picture(page, "reenact-result")
    expect(page.locator("#reenact-pasted img")).to_have_count(0)
    page.locator("#reenact-paste-back").get_by_role("checkbox").check()
    picture(page, "reenact-pasted")
    size = page.evaluate(
        "() => { const image = document.querySelector('#reenact-pasted img');"
        "return [image.naturalWidth, image.naturalHeight]; }"
    )
    assert size == [940, 512]
    page.locator("#reenact-paste-back").get_by_role("checkbox").uncheck()
    gone(page, "reenact-pasted")


def test_inspect_takes_photos_and_asks_for_marks_where_no_face_is_found(page, photos):
    tab(page, "Inspect")
    effects = picture(page, "inspect-effects")
    choose(page, "photos")
    effects = changed(page, "inspect-effects", effects)
    page.locator("#inspect-kind").get_by_label("Pictures").click()
    page.locator("#inspect-consent").get_by_role("checkbox").check()
    for role, name in (("source", "none"), ("target", "two")):
        page.set_input_files(f"#inspect-{role} input[type=file]", photos[name])
    hint = page.locator("#inspect-source-marks .hint")
    expect(hint).to_contain_text("No face was found")
    expect(marks(page, "target", ".face", on="inspect")).to_have_count(2)
    page.locator("#inspect-go").click()
    asked = page.get_by_text("No face is marked in the source picture yet").first
    expect(asked).to_be_visible()
    click_points(page, "source", [(220, 150), (380, 150), (240, 260), (360, 260)], on="inspect")
    page.locator("#inspect-go").click()
    changed(page, "inspect-effects", effects)


def test_a_slow_model_is_inspected_when_asked_and_the_page_says_so(page, monkeypatch):
    tab(page, "Inspect")
    picture(page, "inspect-effects")
    advice = page.get_by_text("Press Inspect: this model takes some seconds on a CPU")
    expect(advice).to_be_hidden()
    monkeypatch.setattr("demo.tabs.inspect_tab.QUICK", 8)
    choose(page, "photos")
    expect(advice).to_be_visible()
    gone(page, "inspect-effects")
    page.locator("#inspect-go").click()
    picture(page, "inspect-effects")


def swipe(page: Page, start: tuple[float, float], x: float, y: float) -> None:
    """Move a finger from a spot in the window by x and y; by its own clock it takes its time."""
    fingers, now = page.context.new_cdp_session(page), time.time()

    def touch(kind: str, after: float, *points: dict[str, float]) -> None:
        event = {"type": kind, "touchPoints": list(points), "timestamp": now + after}
        fingers.send("Input.dispatchTouchEvent", event)

    touch("touchStart", 0, {"x": start[0], "y": start[1]})
    for step in range(1, 11):
        spot = {"x": start[0] + x * step / 10, "y": start[1] + y * step / 10}
        touch("touchMove", step / 50, spot)
    touch("touchEnd", 1)  # a finger that rests before it leaves does not fling the page


@pytest.mark.parametrize("page", [PHONE], indirect=True)
def test_on_a_phone_a_finger_scrolls_over_the_photo_and_drags_dots(page, photos):
    open_reenact(page)
    send(page, "source", photos["one"])
    expect(marks(page, "source", ".dot")).to_have_count(4)
    for marking in (False, True):
        if marking:
            marks(page, "source", "button").get_by_text("Mark by hand").click()
        start = spot(page, "source", 330, 330)  # far from the dots: a finger near one takes it
        before = page.evaluate("scrollY")
        swipe(page, start, 0, -150)
        page.wait_for_function("before => scrollY > before + 80", arg=before)
    expect(marks(page, "source", ".dot")).to_have_count(0)
    click_points(page, "source", POINTS)
    picture(page, "reenact-source-crop")
    start = spot(page, "source", *POINTS[2])
    before = page.evaluate("scrollY")
    dot = marks(page, "source", "[data-dot='2'] .touch")
    y = float(dot.get_attribute("cy"))
    swipe(page, start, 0, 40)
    page.wait_for_function(
        "([dot, y]) => dot.getAttribute('cy') > y", arg=[dot.element_handle(), y + 20]
    )
    assert page.evaluate("scrollY") == before
    marks(page, "source", "button").get_by_text("Face 1").tap()  # the first tap after a drag counts
    expect(marks(page, "source", "[aria-checked=true]")).to_have_text("Face 1")


@pytest.mark.parametrize("page", [PHONE], indirect=True)
def test_on_a_phone_a_photo_is_marked_without_leaving_the_screen(page, photos):
    open_reenact(page)
    send(page, "source", photos["one"])
    expect(marks(page, "source", ".dot")).to_have_count(4)
    marks(page, "source", "button").get_by_text("Mark by hand").click()
    click_points(page, "source", POINTS)
    fits(page)
