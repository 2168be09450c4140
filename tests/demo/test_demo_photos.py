"""Photos sent to the endpoints: which face is taken, and how."""

import gradio as gr
import numpy as np
import pytest
from gradio_client import handle_file
from PIL import Image

from demo.handlers import Handlers
from demo.photos import INVERSIONS, FaceChoice, Upload
from demo.server.models import Models
from demo.tabs.marks import choice_of
from demo.tabs.model_choice import ModelChoice
from demo.tabs.photo_pair import CONSENT_FIRST, LESS_EXACT, PhotoPair
from demo.tabs.reenact_examples import example_pairs
from stylemask_core import InvalidInputError
from stylemask_core.errors import DetectorError
from stylemask_core.faces import landmarks as detectors
from stylemask_core.pictures import framing
from stylemask_core.pictures.images import centre_square
from tests.support.demo_server import client_of, photo_model, refusal, running
from tests.support.helpers import published
from tests.support.photos import POINTS, astronaut

FAINT = 8  # [levels] the peaks of the watermark


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where the client keeps files."""
    return tmp_path_factory.mktemp("client")


@pytest.fixture(scope="module")
def client(tiny_folder, folder):
    with running(photo_model(tiny_folder, folder), "embedded") as demo:
        yield client_of(demo.local_url, download_files=folder)


def two_faces():
    """The photo, and to its right a smaller copy of it."""
    photo = Image.new("RGB", (940, 512), "grey")
    photo.paste(astronaut())
    photo.paste(astronaut().resize((400, 400)), (540, 60))
    return photo


@pytest.fixture(scope="module")
def photos(folder):
    """Pictures, as a program would send them."""
    pictures = {
        "one": astronaut(),
        "two": two_faces(),
        "none": Image.new("RGB", (200, 120), "teal"),
        "square": astronaut().crop((100, 10, 340, 250)),
    }
    for name, picture in pictures.items():
        picture.save(folder / f"{name}.png")
    return {name: handle_file(folder / f"{name}.png") for name in pictures}


def pixels(path):
    return np.asarray(Image.open(path))


def flat(points):
    return np.asarray(points).ravel().tolist()


def test_faces_are_listed_the_largest_first_and_drawn_on_the_photo(client, photos, folder):
    answer, drawn = client.predict(photos["two"], api_name="/faces")
    faces = answer["faces"]
    first, second = (np.array(face["points"]) for face in faces)
    eyes = POINTS[1, 0] - POINTS[0, 0]
    assert np.abs(first - POINTS).max() < 0.25 * eyes
    assert np.abs(second - (POINTS * 400 / 512 + (540, 60))).max() < 0.25 * eyes
    before, after = pixels(folder / "two.png"), pixels(drawn)
    changed = (before != after).any(-1)
    for face in faces:
        left, top, right, bottom = (int(value) for value in face["box"])
        assert changed[top : bottom + 1, left - 2 : left + 3].any(1).all(), "the box's left line"
        assert not changed[top + 20 : bottom - 20, (left + right) // 2].all()
    assert client.predict(photos["none"], api_name="/faces")[0] == {"faces": [], "note": ""}


def test_the_largest_face_is_taken_and_any_other_by_its_number(client, photos):
    answers = [
        client.predict(photos["two"], photos["one"], source_face=face, api_name="/reenact")
        for face in (1, 2)
    ]
    for face, (*_, details) in enumerate(answers, 1):
        assert details["source"]["face"] == face and len(details["source"]["faces"]) == 2
        centre = np.mean(details["source"]["quad"], 0)
        box = details["source"]["faces"][face - 1]["box"]
        assert box[0] < centre[0] < box[2] and box[1] < centre[1] < box[3]
    one, two = (pixels(answer[0]).astype(float) for answer in answers)
    assert 0 < np.abs(one - two).mean() < 12, "the same face, once enlarged more"


def test_landmarks_take_the_place_of_a_search(client, photos):
    for landmarks in (flat(POINTS), POINTS.tolist()):
        details = client.predict(
            photos["one"], photos["one"], source_landmarks=landmarks, api_name="/reenact"
        )[6]
        assert details["source"]["faces"] == [] and details["source"]["face"] is None
        offset = np.mean(details["source"]["quad"], 0) - np.mean(details["target"]["quad"], 0)
        assert np.hypot(*offset) < 10
    shifted = client.predict(
        photos["one"], photos["one"], target_landmarks=flat(POINTS + 40), api_name="/reenact"
    )[6]
    offset = np.mean(shifted["target"]["quad"], 0) - np.mean(details["source"]["quad"], 0)
    assert offset == pytest.approx([40, 40], abs=0.2)


def test_an_aligned_picture_is_taken_as_it_is(client, photos, folder):
    answer = client.predict(photos["square"], photos["square"], aligned=True, api_name="/reenact")
    whole = centre_square(Image.open(folder / "square.png"), 16)
    assert (pixels(answer[0]) == published(whole)).all()
    line = refusal(
        client, source=photos["two"], target=photos["one"], aligned=True, api_name="/reenact"
    )
    assert line == "Source picture: an aligned picture is square, this is 940×512"


def test_the_result_is_pasted_back_into_the_whole_source_picture(client, photos, folder):
    plain = client.predict(photos["two"], photos["one"], api_name="/reenact")
    assert plain[5] is None
    answer = client.predict(
        photos["two"], photos["one"], source_face=2, paste_back=True, api_name="/reenact"
    )
    before, after = pixels(folder / "two.png"), pixels(answer[5])
    assert after.shape == before.shape
    left, right = np.array(answer[6]["source"]["quad"])[:, 0].min(), 940
    difference = np.abs(before.astype(int) - after)
    changed = np.flatnonzero((difference > FAINT).any((0, 2)))
    assert len(changed) and left - 1 <= changed.min() and changed.max() < right


def test_inspect_takes_the_face_the_landmarks_or_the_whole_of_a_picture(client, photos):
    def masks(**choice):
        sent = {"source_seed": 1, "target": photos["square"], **choice}
        return client.predict(**sent, api_name="/inspect")[0]["layer_means"]

    found, aligned = masks(), masks(aligned=True)
    marked = masks(target_landmarks=flat(POINTS - (100, 10)))
    assert found != aligned and marked not in (found, aligned)
    first, second = (masks(target=photos["two"], target_face=face) for face in (1, 2))
    assert first != second
    line = refusal(client, source=photos["two"], target_seed=1, aligned=True, api_name="/inspect")
    assert line == "Source picture: an aligned picture is square, this is 940×512"
    line = refusal(client, source=photos["one"], target_seed=1, source_face=2, api_name="/inspect")
    assert "face number 2 was asked for" in line


def test_truncation_of_inversions_leads_to_the_mean_face(client, photos):
    kept, *_, mean = (
        client.predict(photos["one"], photos["two"], inversion_truncation=psi, api_name="/reenact")
        for psi in (1.0, 0.0)
    )
    assert (pixels(mean[1]) == pixels(mean[3])).all(), "two pictures, one mean face"
    assert (pixels(kept[1]) != pixels(mean[1])).any()


def test_a_picture_without_a_face_is_refused_by_a_model_that_needs_one(client, photos):
    for role in ("source", "target"):
        sent = {"source": photos["one"], "target": photos["one"], role: photos["none"]}
        line = refusal(client, **sent, api_name="/reenact")
        assert line.startswith(f"{role.capitalize()} picture: no face was found: give a photo")
    *_, details = client.predict(
        photos["none"], photos["one"], model="embedded", api_name="/reenact"
    )
    assert "centred square" in details["source"]["note"] and details["target"]["note"] == ""


def test_a_square_picture_without_a_face_is_drawn_as_a_head_and_the_answer_says_so(
    client, photos, folder
):
    Image.new("RGB", (200, 200), "teal").save(folder / "teal.png")
    sent = handle_file(folder / "teal.png"), photos["one"]
    *_, details = client.predict(*sent, model="embedded", api_name="/reenact")
    assert "no face was found: the whole picture" in details["source"]["note"]


def test_the_photo_that_comes_back_keeps_its_transparency_or_it_is_said_what_it_lost(
    client, photos, folder
):
    cut_out = astronaut().convert("RGBA")
    cut_out.paste((0, 0, 0, 0), (0, 256, 512, 512))
    cut_out.save(folder / "cut_out.png")
    astronaut().convert("CMYK").save(folder / "print.jpg", quality=95)
    answers = {
        name: client.predict(
            handle_file(folder / name), photos["one"], paste_back=True, api_name="/reenact"
        )
        for name in ("cut_out.png", "print.jpg")
    }
    *_, pasted, details = answers["cut_out.png"]
    assert (pixels(pasted)[300:, :, 3] == 0).all() and details["source"]["note"] == ""
    assert "its CMYK colours became RGB" in answers["print.jpg"][6]["source"]["note"]


@pytest.fixture
def handlers(tiny_folder, folder, monkeypatch):
    """Handlers for which the photos count as uploaded."""
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(folder))
    return Handlers(Models([str(tiny_folder)], device="cpu"))


@pytest.fixture
def inversions(handlers, monkeypatch):
    """Number of pictures in every batch that the handlers have inverted."""
    pipeline, batches = handlers.models.get(), []
    invert = pipeline.invert_framed
    monkeypatch.setattr(
        pipeline,
        "invert_framed",
        lambda squares, psi: batches.append(len(squares)) or invert(squares, psi),
    )
    return batches


def test_a_picture_is_inverted_once_however_often_a_slider_moves(handlers, inversions, photos):
    for strength in (0.5, 1.0, 1.5):
        handlers.reenact(photos["one"], photos["two"], strength)
    assert inversions == [2]  # both at once
    handlers.reenact(photos["one"], photos["two"], inversion_truncation=0.7)
    handlers.reenact(photos["one"], photos["two"], source_landmarks=flat(POINTS))
    assert inversions == [2, 2, 1]


def test_a_picture_without_a_face_is_searched_once(handlers, photos, monkeypatch):
    find, searches = framing.find_faces, []
    monkeypatch.setattr(framing, "find_faces", lambda *a: searches.append(a) or find(*a))
    details = handlers.reenact(photos["none"], photos["square"])[-1]
    assert "centred square" in details["source"]["note"]
    assert len(searches) == 2  # one a picture


def test_why_no_face_can_be_sought_is_told(handlers, photos, monkeypatch):
    def broken(*_):
        raise DetectorError("no cascades")

    monkeypatch.setattr(detectors, "default_detector", broken)
    details = handlers.reenact(photos["none"], photos["square"])[-1]
    assert details["source"]["note"].startswith("faces cannot be sought: no cascades: the centred")


def test_only_so_many_inversions_are_remembered(handlers, inversions, photos):
    pipeline = handlers.models.get()
    upload = Upload(photos["square"]["path"], "source")
    for step in range(INVERSIONS + 3):
        choice = FaceChoice(aligned=True, truncation=step / 100)
        handlers.photos.inverted(pipeline, {"source": upload}, {"source": choice})
    assert len(handlers.photos) == INVERSIONS


@pytest.fixture
def less_exact(monkeypatch):
    """A detector that stands in for a better one; returns its note."""
    note = "no network: cascades"
    monkeypatch.setattr(detectors.default_detector("haar"), "note", note)
    return note


@pytest.fixture
def pair(handlers):
    with gr.Blocks():
        return PhotoPair("pair", handlers, ModelChoice(handlers.models))


def test_programs_read_why_a_detector_stands_in_for_a_better_one(handlers, photos, less_exact):
    assert handlers.faces(photos["one"])[0]["note"] == less_exact
    details = handlers.reenact(photos["one"], photos["two"])[-1]
    assert [details[role]["note"] for role in ("source", "target")] == [less_exact] * 2


@pytest.fixture
def find(handlers, pair):
    """What the page shows when a photo arrives: marks and note by role."""

    def call(source, target=None, source_marks=None, consent=True):
        names = {"source": source, "source_marks": source_marks}
        names |= {"target": target, "target_marks": None}
        model = handlers.models.labels[0]
        shown = pair.find.call(consent=consent, model=model, **names)
        return dict(zip((*names, "note"), shown, strict=True))

    return call


def test_visitors_are_told_in_short_and_as_long_as_a_face_found_so_is_there(
    find, photos, less_exact
):
    shown = find(photos["one"], photos["none"])
    assert shown["note"] == LESS_EXACT
    assert find(photos["one"], source_marks=shown["source_marks"])["note"] == LESS_EXACT
    assert find(photos["none"])["note"] == find(None)["note"] == ""


def test_no_photo_is_looked_at_before_consent_and_examples_need_none(handlers, find, photos):
    handlers.photos.search = lambda *_: pytest.fail("the photo was read")
    for refused in (False, None, "yes"):
        shown = find(photos["one"], consent=refused)
        assert (shown["source"], shown["source_marks"]) == (gr.skip(), None)
        assert shown["note"] == CONSENT_FIRST
    del handlers.photos.search
    example = {"path": handlers.photos.example(example_pairs()[0][0])}
    shown = find(example, consent=False)
    assert shown["note"] == ""
    assert shown["source_marks"]["width"] == Image.open(example["path"]).width


def test_what_an_example_gives_is_shared_by_all_visitors(handlers, inversions):
    head = {"path": handlers.photos.example(example_pairs()[0][0])}
    for _ in range(2):
        handlers.reenact(head, head)
    assert len(inversions) == 1


def test_a_picture_that_cannot_be_used_is_taken_off_the_page(find, photos, folder):
    (folder / "text.png").write_text("no picture")
    with pytest.warns(UserWarning, match="The target file"):
        shown = find(photos["one"], {"path": str(folder / "text.png")})
    assert shown["target"] is None and shown["target_marks"] is None
    assert shown["source"] == gr.skip() and len(shown["source_marks"]["faces"]) == 1


MARKS = {"key": "k", "faces": [], "points": [[1, 2], [3, 4], [5, 6], [7, 8]]}


def test_marks_say_which_face_is_taken():
    def wanted(**changes):
        return choice_of({**MARKS, **changes}, "k", "source", 0.7)

    points = ((1.0, 2.0), (3.0, 4.0), (5.0, 6.0), (7.0, 8.0))
    assert wanted(choice="points") == FaceChoice(landmarks=points, truncation=0.7)
    assert wanted(choice="points", points=MARKS["points"][:3]) is None
    assert wanted(choice=1) == FaceChoice(1, truncation=0.7)
    assert wanted(choice="whole") == FaceChoice(aligned=True, truncation=0.7)
    assert wanted(choice="square") == FaceChoice(truncation=0.7)
    assert wanted(choice=0, key="of another picture") is None
    assert choice_of(None, "k", "source", 0.7) is None


@pytest.mark.parametrize(
    "value", ["x", 5, [], {"key": "k"}, {**MARKS, "choice": "all"}, {**MARKS, "choice": -1},
              {**MARKS, "choice": None}, {**MARKS, "choice": "points", "points": 7},
              {**MARKS, "choice": "points", "points": ["a", "b", "c", "d"]}],
)  # fmt: skip
def test_marks_that_no_page_sends_are_refused(value):
    with pytest.raises(InvalidInputError):
        choice_of(value, "k", "source", 1.0)
