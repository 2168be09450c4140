"""Keep more of the person, as the page and programs ask for it."""

from itertools import count

import pytest

from demo.handlers import Handlers
from demo.photos import FaceChoice, Upload, gained
from demo.server.models import Models
from demo.tabs.refinement_controls import Cancels, gains, seconds_of_each
from stylemask.refinement import Refinement, Similarity
from stylemask_core import InvalidInputError


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        path = tmp_path_factory.mktemp("server")
        patch.setenv("GRADIO_TEMP_DIR", str(path))
        yield path


@pytest.fixture(scope="module")
def handlers(folder, tiny_folder):
    return Handlers(Models([str(tiny_folder)], device="cpu"))


@pytest.fixture(scope="module")
def heads(folder, tiny_pipeline):
    """Two pictures as they are sent."""
    paths = [folder / f"head_{seed}.png" for seed in (1, 2)]
    for seed, path in enumerate(paths, 1):
        picture = tiny_pipeline.synthesize(tiny_pipeline.sample(seed)).image
        picture.resize((64, 64)).save(path)
    return [{"path": str(path)} for path in paths]


def test_both_pictures_are_refined_alike_and_what_it_gained_is_told(handlers, heads):
    plain = handlers.reenact(*heads)[-1]
    told = handlers.reenact(*heads, refine_seconds=0.5)[-1]
    for role in ("source", "target"):
        assert "refinement" not in plain[role]
        found = told[role]["refinement"]
        assert found["after"]["structure"] >= found["before"]["structure"]
        assert found["steps"] >= 0 and found["seconds"] > 0
    assert {**told["source"], "refinement": 0} == {**plain["source"], "refinement": 0}


@pytest.fixture
def refined(handlers, heads):
    """Invert both heads with refinement: source, target."""

    def run(seconds=60.0, **options):
        choices = dict.fromkeys(("source", "target"), FaceChoice(refine_seconds=seconds))
        photos = {
            role: Upload(head["path"], role) for role, head in zip(choices, heads, strict=True)
        }
        pair = handlers.photos.inverted(handlers.models.get(), photos, choices, **options)
        return [pair[role] for role in choices]

    return run


def test_a_visitor_who_cancels_ends_both_pictures_and_keeps_what_is_there(refined):
    questions = count()  # one before each step
    pair = refined(cancelled=lambda: next(questions) >= 2)
    assert [inverted.refinement.steps for inverted in pair] == [2, 0]


def test_a_button_pressed_before_the_job_has_its_turn_cancels_it_and_no_later_one(refined):
    cancels = Cancels()
    cancelled = cancels.since(0)  # the event has left the page
    cancels.press(1)
    assert [inverted.refinement.steps for inverted in refined(cancelled=cancelled)] == [0, 0]
    assert not cancels.since(1)()


def test_a_cancelled_refinement_stands_for_the_full_one_only_where_that_will_do(refined):
    seconds = 0.3
    ended = refined(seconds, cancelled=lambda: True)
    assert refined(seconds, cancelled_will_do=True) == ended
    full = refined(seconds)
    assert not any(inverted.cancelled for inverted in full)
    assert refined(seconds, cancelled=lambda: True) == full, "it is remembered"
    assert not any(inverted.refinement for inverted in refined(0.0)), "beside the plain one"


@pytest.mark.parametrize("presses", ["2", None, True, float("nan"), {}])
def test_counts_of_presses_that_no_page_sends_are_refused(presses):
    for call in (Cancels().press, Cancels().since):
        with pytest.raises(InvalidInputError, match="count of presses"):
            call(presses)


def test_on_the_page_the_time_is_shared_and_the_switch_decides():
    assert seconds_of_each(True, 8) == 4
    assert seconds_of_each(False, 8) == seconds_of_each(None, 8) == 0


def test_what_was_gained_is_shown_where_something_was_refined():
    done = Refinement(None, Similarity(0.271, 12.34), Similarity(0.412, 13.56), 14, 7.9)
    source, target = gains({"source": done, "target": None})
    assert source.visible and not target.visible
    assert "0.271 → <b>0.412</b>" in source.value and "13.6 dB" in source.value
    nothing = Refinement(None, done.before, done.before, 0, 2.0)
    assert "refinement.nothing_source" in gains({"source": nothing})[0].value
    assert gained(done)["after"] == {"structure": 0.412, "psnr_db": 13.56}
