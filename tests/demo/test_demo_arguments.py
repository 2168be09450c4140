"""All arguments are checked before any work begins, on the page and at the endpoints."""

import gradio as gr
import pytest

from demo import photos
from demo.handlers import Handlers
from demo.page import build_demo
from demo.photos import Upload
from demo.server.models import Models
from demo.tabs.inspect_events import PICTURES, Inspector
from demo.tabs.marks import key_of
from demo.tabs.model_choice import ModelChoice
from demo.tabs.photo_pair import PhotoPair
from stylemask.inspect import inspection
from stylemask_core import StyleMaskError, StyleMaskPipeline
from stylemask_core.pictures import framing
from tests.support.helpers import noise

WORK = ("sample", "synthesize", "encode", "invert_framed", "reenact", "masks")


@pytest.fixture
def models(tiny_folder, tmp_path, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    return Models([str(tiny_folder)], device="cpu")


@pytest.fixture
def handlers(models):
    return Handlers(models)


@pytest.fixture
def picture(handlers, tmp_path):
    noise(64).save(tmp_path / "noise.png")
    return {"path": handlers.photos.example(tmp_path / "noise.png")}


@pytest.fixture
def no_work(monkeypatch):
    """Whatever takes time fails the test."""
    for name in WORK:
        monkeypatch.setattr(StyleMaskPipeline, name, lambda *_, **__: pytest.fail("work began"))
    monkeypatch.setattr(photos, "refine_inversion", lambda *_: pytest.fail("work began"))
    monkeypatch.setattr(framing, "find_faces", lambda *_: pytest.fail("a search began"))
    monkeypatch.setattr(inspection, "inspect", lambda *_: pytest.fail("an inspection began"))


SEEDS = (-1, 2**32, 10**40, 1.5, 1e300, "abc", True, [1])
SHARES = (9, -0.1, "x", None, [0.5], True, float("nan"), float("inf"))
FACES = (0, 1.5, "2", None, True)
MARKS = ([1, 2, 3], "x", [1, 2, 3, 4, 5, 6, 7, "x"], [[[1]]] * 8, [float("nan")] * 8)
WRONG = {
    "source_seed": SEEDS,
    "target_seed": SEEDS,
    "truncation": SHARES,
    "inversion_truncation": SHARES,
    "strength": SHARES,
    "layers": (["nonsense"], ["coarse", ""], [3], {"a": 1}, 5, [["coarse"]]),
    "source_face": FACES,
    "target_face": FACES,
    "source_landmarks": MARKS,
    "target_landmarks": MARKS,
    "aligned": ("yes", None, 1),
    "paste_back": ("yes", None, 1),
    "refine_seconds": (-1, 61, "5", None, True, float("nan")),
    "model": ("x", "", 3, ["embedded"], {"a": 1}),
    "source": (None, {"a": 1}, "x.png", 5),
    "target": (None, {"a": 1}, "x.png", 5),
    "picture": (None, {"a": 1}, "x.png", 5),
}
TAKES = {
    "mix": ("source_seed", "target_seed", "truncation", "strength", "layers", "model"),
    "after_targets": ("source_seed", "target_seed", "truncation", "strength", "layers", "model"),
    "reenact": (
        "source", "target", "strength", "layers", "source_face", "target_face",
        "source_landmarks", "target_landmarks", "aligned", "paste_back", "inversion_truncation",
        "model", "refine_seconds",
    ),
    "inspect": (
        "source_seed", "target_seed", "truncation", "strength", "source", "target", "source_face",
        "target_face", "source_landmarks", "target_landmarks", "aligned", "model",
    ),
    "faces": ("picture", "model"),
    "verify": ("picture",),
    "model_info": ("model",),
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "argument"), [(name, argument) for name, takes in TAKES.items() for argument in takes]
)
def test_a_wrong_argument_is_noticed_before_any_work(name, argument, handlers, picture, no_work):
    right = {"source_seed": 1, "target_seed": 2, "truncation": 0.7, "strength": 1.0}
    right |= {"source": picture, "target": picture, "picture": picture, "refine_seconds": 5.0}
    sent = {key: right.get(key) for key in TAKES[name] if key in right}
    if name == "after_targets":
        sent |= {"layers": None, "model": None}
    for value in WRONG[argument]:
        if name == "inspect" and value is None and argument in ("source", "target"):
            continue  # there is a seed, too
        with pytest.raises(StyleMaskError) as caught:
            getattr(handlers, name)(**{**sent, argument: value})
        line = str(caught.value).lower()
        assert all(part.rstrip("s") in line for part in argument.split("_")), value


def test_what_is_missing_for_an_inspection_is_noticed_before_a_picture_is_inverted(
    handlers, picture, no_work
):
    with pytest.raises(StyleMaskError, match="target seed or a target picture"):
        handlers.inspect(source=picture)


def marked(picture, models):
    return {
        "key": key_of(Upload(picture["path"], "source"), models.get()),
        "choice": "whole",
        "points": [],
    }


PHOTOS = ("source", "source_marks", "target", "target_marks")
INSPECTED = {
    "kind": PICTURES, "source_seed": 1, "target_seed": 2, "truncation": 0.7, "strength": 1.0,
    "on": ["coarse"], "coarse": 1.0, "middle": 1.0, "fine": 1.0, "threshold": 0.0, "compare": True,
    "other_source": 1, "other_target": 2, "chart": None, "model": None,
}  # fmt: skip
REENACTED = {
    "strength": 1.0, "layers": ["all"], "paste_back": True, "refine_seconds": 8.0, "refined": True,
    "truncation": 1.0, "model": None,
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "value"),
    [("truncation", 9), ("strength", 9), ("coarse", 9.0), ("threshold", 9), ("other_target", "x"),
     ("model", "x")],
)  # fmt: skip
def test_the_inspect_tab_checks_its_controls_before_it_inverts(
    name, value, models, handlers, picture, no_work
):
    with gr.Blocks():
        inspector = Inspector(handlers, PhotoPair("pair", handlers, ModelChoice(models)))
    photos = dict(zip(PHOTOS, (picture, marked(picture, models)) * 2, strict=True))
    with pytest.raises(StyleMaskError):
        inspector.check({**INSPECTED, **photos, name: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [("strength", 9), ("layers", ["nonsense"]), ("refine_seconds", 999), ("paste_back", "x"),
     ("truncation", 9), ("model", "x")],
)  # fmt: skip
def test_the_reenact_tab_checks_its_controls_before_it_inverts(
    name, value, models, picture, no_work
):
    (live,) = (
        event.fn
        for event in build_demo(models).fns.values()
        if event.name == "live" and "reenact-paste-back" in [x.elem_id for x in event.inputs]
    )
    photos = dict(zip(PHOTOS, (picture, marked(picture, models)) * 2, strict=True))
    with pytest.raises(gr.Error):
        live(last=None, presses=0, **{**REENACTED, **photos, name: value})
