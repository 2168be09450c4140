"""`config.json`: what comes through, and what is refused before any network is built."""

import json

import pytest

from stylemask_core import ModelConfig, WeightsError

VALUES = {
    "name": "test",
    "resolution": 16,
    "channels": {"4": 8, "8": 8, "16": 4},
    "masked_layers": 3,
    "latent_dim": 32,
    "mapping_layers": 2,
    "noise": False,
    "default_truncation": 0.5,
}


def parse(**changes) -> ModelConfig:
    return ModelConfig.from_json(json.dumps(VALUES | changes))


def test_a_config_survives_being_written_and_read():
    config = parse()
    assert ModelConfig.from_json(config.to_json()) == config
    assert config.channels == {4: 8, 8: 8, 16: 4}


def test_fields_that_are_left_out_get_the_photoreal_models_values():
    values = {k: VALUES[k] for k in ("name", "resolution", "channels", "masked_layers")}
    config = ModelConfig.from_json(json.dumps(values))
    assert (config.latent_dim, config.mapping_layers, config.default_truncation) == (512, 8, 0.7)
    assert config.noise


@pytest.mark.parametrize(
    ("resolution", "convolutions", "latents"), [(8, 3, 4), (64, 9, 10), (1024, 17, 18)]
)
def test_layers_and_latents_follow_from_the_resolution(resolution, convolutions, latents):
    channels = {2**k: 4 for k in range(2, resolution.bit_length())}
    config = ModelConfig("test", resolution, channels, masked_layers=1)
    assert (config.conv_layers, config.num_latents) == (convolutions, latents)


CHANNELS = {"4": 8, "8": 8}
BAD = {
    "resolution": (48, 2048, 4, "16", 16.0),
    "channels": (
        *(CHANNELS, {**CHANNELS, "16": 4, "32": 4}, [8, 8, 4], None, {"four": 8, "8": 8, "16": 4}),
        *({**CHANNELS, "16": width} for width in (0, 10**9, 4.5, float("inf"))),
    ),
    "masked_layers": (0, 6, 3.0),
    "latent_dim": (10**6, 512.0, True),
    "mapping_layers": (0, None),
    "mapping_lr_multiplier": (0, float("nan"), "0.01"),
    "noise": ("no", 1),
    "encoder": ("imaginary", ["regressor"]),
    "default_truncation": (1.1, float("nan")),
    "name": (5,),
    "unheard_of": (1,),
}


@pytest.mark.parametrize(("field", "value"), [(f, v) for f, values in BAD.items() for v in values])
def test_a_value_no_model_can_be_built_from_is_refused_by_name(field, value):
    with pytest.raises(WeightsError, match=field):
        parse(**{field: value})


@pytest.mark.parametrize("field", ["name", "resolution", "channels", "masked_layers"])
def test_a_missing_field_is_refused_by_name(field):
    values = {k: v for k, v in VALUES.items() if k != field}
    with pytest.raises(WeightsError, match=field):
        ModelConfig.from_json(json.dumps(values))


@pytest.mark.parametrize("text", ["", "{", "[1, 2]", "null", '"heads"', "[" * 100_000])
def test_text_that_is_no_json_object_is_refused(text):
    with pytest.raises(WeightsError, match="JSON"):
        ModelConfig.from_json(text)


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00"])
def test_a_folder_without_a_readable_config_is_refused_by_its_path(tmp_path, content):
    if content is not None:
        (tmp_path / "config.json").write_bytes(content)
    with pytest.raises(WeightsError) as error:
        ModelConfig.load(tmp_path)
    assert str(tmp_path) in str(error.value)
    assert "config.json" in str(error.value)
