"""Links that restore what a tab shows."""

import re
from dataclasses import replace
from urllib.parse import parse_qs, quote

import pytest

from demo.tabs.link_events import inspect_state, mix_state
from demo.tabs.links import INSPECT, MIX, Restored, decode, encode
from stylemask_core import InvalidInputError, WeightsError

FIRST = (25, 21)
LABELS = ["embedded", "user/photos"]
WHOLE = {"coarse": 1.0, "middle": 1.0, "fine": 1.0}
MIXED = Restored(MIX, "user/photos", (3, 4294967295), 0.55, 1.25, ["coarse", "fine"])
LOOKED = Restored(
    INSPECT, "embedded", (1, 2), 0.7, 0.5, factors=WHOLE | {"fine": 0.0, "coarse": 1.35},
    threshold=0.15, other=(5, 6), part="b8.conv0/3",
)  # fmt: skip


@pytest.fixture
def read(pipeline):
    def call(query, describe=lambda _: pipeline):
        return decode(query, LABELS, describe, FIRST)

    return call


@pytest.mark.parametrize("state", [MIXED, LOOKED, replace(MIXED, layers=[])])
def test_a_link_restores_what_it_was_made_of(read, state):
    link = encode(state)
    assert read(link) == read(f"?{link}") == state
    assert re.fullmatch(r"[\w.,/=&%-]+", link) and len(link) < 300


def test_a_link_says_nothing_of_what_is_as_it_always_is(read):
    plain = Restored(INSPECT, "embedded", FIRST, 0.7, factors=WHOLE)
    names = set(parse_qs(encode(plain)))
    assert names == {"tab", "model", "source", "target", "truncation", "strength"}
    assert read(encode(plain)) == plain


@pytest.mark.parametrize("value", [5e-05, 1.23456e-300, 0.000123457, 0.1 + 0.2, 1e-06, 0.999999])
def test_small_and_long_numbers_come_back(read, value):
    state = replace(
        LOOKED, truncation=value, strength=value, threshold=value, factors=WHOLE | {"fine": value}
    )
    back = read(encode(state))
    assert back.ignored == []
    numbers = [back.truncation, back.strength, back.threshold, back.factors["fine"]]
    assert numbers == pytest.approx([value] * 4, rel=1e-5)
    assert read("tab=mix&strength=5e-05").strength == 5e-05


@pytest.mark.parametrize("query", ["", "?", "__theme=dark", "tab=about", "source=1", "tab", "&&=;"])
def test_other_query_strings_are_no_links(read, query):
    assert read(query) is None


def test_the_tab_alone_gives_the_defaults_of_the_model(read, pipeline):
    found = read("tab=mix")
    psi = pipeline.config.default_truncation
    assert found == Restored(MIX, "embedded", FIRST, psi)


HOSTILE = [
    "", "-1", "4294967296", "1e3", "nan", "inf", "١٢", "1.0000000001", "0x10", "1 OR 1=1", "None",
    "<img src=x onerror=alert(1)>", "../../etc/passwd", "{{7*7}}", "${x}", "%00", "\x00",
    "x" * 1500,
]  # fmt: skip


@pytest.mark.parametrize("value", HOSTILE)
@pytest.mark.parametrize("tab", [MIX, INSPECT])
def test_what_cannot_be_used_falls_back_and_is_named_without_its_text(read, tab, value):
    names = ["source", "target", "truncation", "strength", "model"]
    names += ["layers"] if tab == MIX else ["coarse", "threshold", "other", "part"]
    default = read(f"tab={tab}")
    for name in names:
        found = read(f"tab={tab}&{name}={quote(value)}")
        assert replace(found, ignored=[]) == default
        assert found.ignored == ([name] if value else [])  # an empty parameter is none


@pytest.mark.parametrize(
    "query",
    ["truncation=1.01", "strength=1.6", "threshold=2", "coarse=2.5", "fine=-0.5", "other=1",
     "other=1,2,3", "part=all", "part=b8.conv0/11", "part=b8.conv99"],
)  # fmt: skip
def test_numbers_out_of_range_and_unknown_parts_fall_back(read, query):
    assert read(f"tab=inspect&{query}").ignored == [query.split("=")[0]]


def test_unknown_layers_fall_back_as_a_whole(read):
    found = read("tab=mix&layers=coarse,b8.conv0")
    assert (found.layers, found.ignored) == (["all"], ["layers"])


def test_only_models_that_are_offered_are_asked_for(read, pipeline):
    asked = []

    def describe(label):
        asked.append(label)
        return pipeline

    for name in ("user/photos", "/etc", "user/other", "embedded "):
        read(f"tab=mix&model={quote(name)}", describe)
    assert asked == ["user/photos", "embedded", "embedded", "embedded"]


def test_a_model_that_cannot_be_loaded_is_replaced_by_the_first(read, pipeline):
    def describe(label):
        if label != "embedded":
            raise WeightsError("damaged")
        return pipeline

    found = read(encode(MIXED), describe)
    assert (found.model, found.ignored, found.seeds) == ("embedded", ["model"], MIXED.seeds)


def test_a_link_of_ten_thousand_characters_is_not_taken_apart(read):
    found = read(f"tab=mix&source=7&target={'9' * 10_000}")
    assert (found.seeds, found.ignored) == (FIRST, ["link"])
    assert read("x" * 10_000) is None


def test_more_parameters_than_a_link_has_are_not_taken_apart(read):
    assert read("tab=mix&" + "&".join("a=1" for _ in range(200))).ignored == ["link"]


def test_of_a_repeated_parameter_the_first_counts(read):
    assert read("tab=mix&source=1&source=2").seeds == (1, FIRST[1])


SHARED = {"source_seed": 1, "target_seed": 2, "truncation": 0.5, "strength": 1.0}
SEEN = SHARED | {
    "kind": "seeds", "on": ["coarse"], "coarse": 1.5, "middle": 1.0, "fine": 1.0, "threshold": 0.2,
    "compare": True, "other_source": 3, "other_target": 4, "chart": {"picked": "b8.conv0/2"},
    "model": "tiny",
}  # fmt: skip


def test_a_link_to_a_mix_or_an_inspection_says_what_the_controls_say(tiny_pipeline):
    mixed = mix_state(**SHARED, layers=["coarse"], model="tiny")
    assert (mixed.tab, mixed.model, mixed.seeds, mixed.layers) == (MIX, "tiny", (1, 2), ["coarse"])
    seen = inspect_state(tiny_pipeline.space, SEEN)
    assert (seen.tab, seen.factors, seen.threshold) == (INSPECT, {"coarse": 1.5}, 0.2)
    assert (seen.other, seen.part) == ((3, 4), "b8.conv0/2")
    off = inspect_state(tiny_pipeline.space, SEEN | {"on": [], "compare": False, "chart": None})
    assert (off.factors, off.other, off.part) == ({"coarse": 0.0}, None, None)


def test_of_fields_that_are_hidden_or_off_a_link_needs_nothing(tiny_pipeline):
    empty = dict.fromkeys(("coarse", "middle", "fine", "other_source", "other_target"))
    hidden = SEEN | empty | {"on": [], "compare": False}
    seen = inspect_state(tiny_pipeline.space, hidden)
    assert (seen.seeds, seen.other, seen.factors) == ((1, 2), None, {"coarse": 0.0})
    with pytest.raises(InvalidInputError, match="source B seed"):
        inspect_state(tiny_pipeline.space, hidden | {"compare": True})


def test_there_is_no_link_to_photos_or_to_half_a_pair(tiny_pipeline):
    with pytest.raises(InvalidInputError, match="never a photo"):
        inspect_state(tiny_pipeline.space, SEEN | {"kind": "pictures"})
    with pytest.raises(InvalidInputError, match="target seed"):
        inspect_state(tiny_pipeline.space, SEEN | {"target_seed": None})
