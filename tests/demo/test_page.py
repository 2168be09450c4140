"""Texts, what is shown first, and loading behind a page that is up."""

import re

import numpy as np
import pytest
from PIL import Image

from demo.handlers import Handlers
from demo.server.models import Models
from demo.tabs.shipped import FIRST_PAIR, MOVING, SIZE, STILL, first_result
from demo.texts import I18N, LANGUAGES, WORDS, text
from stylemask_core import StyleMaskPipeline, WeightsError
from tests.support.helpers import wait_for

SAME = 0.5  # [of 255] mean difference: arithmetic differs among machines
LARGEST_EXAMPLE = 400_000  # [bytes]


def test_every_text_is_there_in_both_languages():
    english, german = (WORDS[language] for language in LANGUAGES)
    assert english.keys() == german.keys() and len(english) > 50
    assert all(words.strip() for language in WORDS.values() for words in language.values())
    assert I18N.translations_dict == WORDS


def test_both_languages_have_the_same_tags():
    def tags(words):
        return re.findall(r"</?\w+|\*+|^#+", words, re.MULTILINE)

    for key, words in WORDS["en"].items():
        assert sorted(tags(words)) == sorted(tags(WORDS["de"][key])), key


def test_a_text_that_is_nowhere_is_found_out_when_the_page_is_built():
    assert "__i18n__" in text("mix.more")
    with pytest.raises(KeyError):
        text("mix.moer")


def test_the_pictures_shown_first_are_what_the_model_computes_now(monkeypatch, tmp_path):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    models = Models(["embedded"], device="cpu")
    computed = Handlers(models).mix(*FIRST_PAIR)
    for file, other in zip(first_result(models.first), computed, strict=True):
        with Image.open(file) as shown, Image.open(other) as now:
            pixels = [np.asarray(picture.convert("RGB"), float) for picture in (shown, now)]
        assert np.abs(pixels[0] - pixels[1]).mean() < SAME, "run examples/first_result.py"


def test_a_model_that_is_not_the_embedded_one_has_no_pictures_to_show_first(tiny_pipeline):
    assert first_result(tiny_pipeline) == (None, None, None)


def test_the_moving_example_is_small_moves_and_has_a_still():
    assert MOVING.stat().st_size <= LARGEST_EXAMPLE
    with Image.open(MOVING) as moving, Image.open(STILL) as still:
        assert moving.n_frames > 20 and moving.size == still.size == SIZE
        assert getattr(still, "n_frames", 1) == 1


def test_the_page_is_built_while_the_weights_are_being_loaded(tiny_folder, monkeypatch):
    monkeypatch.setattr(StyleMaskPipeline, "from_pretrained", lambda *_, **__: 1 / 0)
    models = Models([str(tiny_folder)], device="cpu", background=True)
    assert models.first.config.name == "tiny" and models.first.device.type == "cpu"
    assert models.first.space.groups().keys() == {"coarse"}


def test_weights_that_are_damaged_are_told_in_the_log_and_to_whoever_needs_them(own_folder, caplog):
    (own_folder / "generator.safetensors").write_bytes(b"no weights")
    models = Models([str(own_folder)], device="cpu", background=True)
    with pytest.raises(WeightsError, match=r"cannot read own/generator\.safetensors"):
        models.get()
    wait_for(lambda: "error: cannot read" in caplog.text)  # written by the thread that loads


@pytest.mark.parametrize("name", ["no/such/folder", "/etc"])
def test_a_model_that_is_not_there_is_told_before_the_page_is_up(name):
    with pytest.raises(WeightsError):
        Models([name], device="cpu", background=True)


def test_an_outline_says_of_a_model_what_the_pipeline_says(tiny_folder, tiny_pipeline):
    outline = Models([str(tiny_folder)], device="cpu", background=True).first
    for name in ("name", "revision", "config", "device"):
        assert getattr(outline, name) == getattr(tiny_pipeline, name)
    assert outline.space.groups() == tiny_pipeline.space.groups()
