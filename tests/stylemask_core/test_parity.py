"""FFHQ-1024 against what the authors' own code computes, from their files to the picture."""

import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from safetensors import safe_open

from tests.golden.make_checkpoints import FILES
from tests.support.helpers import ROOT
from tests.support.photos import astronaut

pytestmark = pytest.mark.slow

GOLDEN = ROOT / "tests" / "golden"
GIGABYTE = 1e9
TENSOR_TOLERANCE, IMAGE_TOLERANCE = 1e-4, 1e-3  # max |a - b| / max |b|
with safe_open(GOLDEN / "expected.safetensors", "pt") as file:
    EXPECTED = sorted(file.keys())


# A process is charged with the memory of the one that started it; this one is small.
MEASURED = """
import os, subprocess, sys
process = subprocess.Popen([sys.executable, *sys.argv[1:]])
_, status, usage = os.wait4(process.pid, 0)
sys.stderr.write(f"peak {usage.ru_maxrss}\\n")
sys.exit(os.waitstatus_to_exitcode(status))
"""


def run(*command: object, **variables: str) -> tuple[str, float]:
    """Run Python in a fresh process; return its output and its peak memory [bytes]."""
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, *map(str, command)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT), **variables},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout, 1024 * int(done.stderr.split()[-1])


@pytest.fixture(scope="module")
def conversion(tmp_path_factory):
    """The golden checkpoints, converted by the command line: folder and peak memory."""
    folder = tmp_path_factory.mktemp("ffhq")
    run(GOLDEN / "make_checkpoints.py", folder / "pt")
    flags = [
        argument
        for part, name in FILES.items()
        for argument in (f"--{part.replace('_', '-')}", folder / "pt" / name)
    ]
    _, peak = run("-m", "stylemask", "convert", *flags, "-o", folder / "model")
    for name in FILES.values():  # a gigabyte that is not needed any more
        (folder / "pt" / name).unlink()
    return folder / "model", peak


@pytest.fixture(scope="module")
def model(conversion):
    return conversion[0]


@pytest.fixture(scope="module", params=["reference", "native"])
def comparison(request, model):
    """Deviation of every golden tensor, and the peak memory of computing them all."""
    if request.param == "native" and shutil.which("g++") is None:
        pytest.skip("there is no C++ compiler")
    output, peak = run(GOLDEN / "compute.py", model, STYLEMASK_OPS=request.param)
    return json.loads(output), peak


@pytest.mark.parametrize("name", EXPECTED)
def test_the_authors_tensors_are_reproduced(name, comparison):
    tolerance = IMAGE_TOLERANCE if "image" in name else TENSOR_TOLERANCE
    assert comparison[0][name] <= tolerance


def test_converting_stays_under_two_and_a_half_gigabytes(conversion):
    assert conversion[1] < 2.5 * GIGABYTE


def test_the_whole_comparison_stays_under_four_gigabytes(comparison):
    assert comparison[1] < 4 * GIGABYTE


def test_loading_all_networks_stays_under_2400_megabytes(model):
    load = "StyleMaskPipeline.from_pretrained(sys.argv[1], device='cpu')"
    script = f"import sys; from stylemask_core import StyleMaskPipeline; print({load}.encoder)"
    output, peak = run("-c", script, model)
    assert "E4eEncoder" in output
    assert peak < 2.4 * GIGABYTE


def test_the_command_line_goes_from_photos_to_a_picture_of_1024_pixels(model, tmp_path):
    source, target = tmp_path / "a.jpg", tmp_path / "b.jpg"
    astronaut().save(source, quality=95)
    astronaut().transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(target, quality=95)
    result = tmp_path / "result.png"
    run("-m", "stylemask", "reenact", source, target, "--model", model, "-o", result)
    with Image.open(result) as picture:
        assert picture.size == (1024, 1024)
        assert np.asarray(picture).std() > 1
