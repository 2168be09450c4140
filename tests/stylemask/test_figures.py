import subprocess
import sys
import warnings

import numpy as np
import pytest
from PIL import Image

from stylemask.inspect import figures
from stylemask.inspect.inspection import inspect
from tests.support.helpers import PATIENCE

FIGURES = (figures.layer_bars, figures.mask_heatmap, figures.effect_maps)


@pytest.fixture(scope="module")
def inspection(pipeline):
    return inspect(pipeline, pipeline.sample(1), pipeline.sample(2))


@pytest.mark.parametrize("draw", FIGURES)
def test_a_figure_is_a_large_picture_on_white(draw, inspection):
    picture = draw(inspection)
    pixels = np.asarray(picture)
    assert picture.mode == "RGB" and picture.width >= 1000
    assert (pixels[[0, 0, -1, -1], [0, -1, 0, -1]] == 255).all()
    assert pixels.std() > 10


@pytest.mark.parametrize("draw", FIGURES)
def test_a_figure_draws_what_it_is_given(draw, inspection, pipeline):
    other = inspect(pipeline, pipeline.sample(3), pipeline.sample(4))
    assert draw(inspection).tobytes() == draw(inspection).tobytes()
    assert draw(inspection).tobytes() != draw(other).tobytes()


@pytest.mark.parametrize("draw", FIGURES)
def test_a_model_with_few_layers_and_one_group_is_drawn_too(draw, tiny_pipeline):
    found = inspect(tiny_pipeline, tiny_pipeline.sample(1), tiny_pipeline.sample(2))
    assert list(found.group_effects) == ["coarse"]
    assert draw(found).width > 500


def test_bars_grow_with_the_mask(inspection):
    def coloured(values):
        masks = dict.fromkeys(inspection.layer_masks, np.full(8, values, np.float32))
        changed = type(inspection)(**{**vars(inspection), "layer_masks": masks})
        return (np.asarray(figures.layer_bars(changed)).std(axis=2) > 20).sum()

    assert coloured(0.8) > 1.8 * coloured(0.4) > 0


def test_heat_is_brightest_where_the_effect_is():
    rows, columns = np.mgrid[:32, :32]
    effect = np.exp(-((rows - 8) ** 2 + (columns - 24) ** 2) / 18).astype(np.float32)
    picture, _ = figures.heat_map(Image.new("RGB", (64, 64), "grey"), effect)
    brightest = np.unravel_index(np.asarray(picture).sum(2).argmax(), (64, 64))
    assert abs(brightest[0] - 16.5) <= 4 and abs(brightest[1] - 48.5) <= 4


def test_a_group_without_effect_is_drawn_without_a_warning(inspection):
    nothing = {group: np.zeros_like(e) for group, e in inspection.group_effects.items()}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figures.effect_maps(type(inspection)(**{**vars(inspection), "group_effects": nothing}))


def test_settings_of_the_program_are_left_alone(inspection):
    import matplotlib

    def settings():
        # merely reading "backend" would choose one
        return {k: matplotlib.rcParams[k] for k in matplotlib.rcParams if k != "backend"}

    before = settings()
    figures.layer_bars(inspection)
    assert settings() == before


def test_matplotlib_is_not_loaded_before_a_figure_is_drawn_and_pyplot_never():
    code = (
        "import sys; from stylemask.inspect import figures, inspection;"
        "from stylemask_core import StyleMaskPipeline;"
        "assert 'matplotlib' not in sys.modules;"
        "p = StyleMaskPipeline.from_pretrained(device='cpu');"
        "figures.layer_bars(inspection.inspect(p, p.sample(1), p.sample(2)));"
        "assert 'matplotlib' in sys.modules and 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=PATIENCE)
