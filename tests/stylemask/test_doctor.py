"""What `stylemask doctor` says of machines that are well and of machines that are not."""

import json
import shutil

import pytest
import torch

from op import build
from stylemask import doctor
from stylemask_core import __version__, checks, threads
from stylemask_core.faces import fan, landmarks
from tests.support.helpers import MIX
from tests.support.workshop import BROKEN, SOURCE, Workshop

pytestmark = pytest.mark.skipif(not shutil.which("g++"), reason="there is no g++")


@pytest.fixture
def workshop(tmp_path_factory, monkeypatch):
    """A small library that stands for the operators of the CPU, not built yet."""
    # not in tmp_path, where commands run and must leave no files
    workshop = Workshop(tmp_path_factory.mktemp("operators") / "workshop", monkeypatch)
    monkeypatch.setitem(build.LIBRARIES, "cpu", workshop.library())
    return workshop


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    """The Hub that is asked is at a port of this machine where nobody listens."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")


@pytest.fixture(autouse=True)
def detector(monkeypatch):
    """The Haar detector, which says at once that there is a face, until its `detect` is deleted."""
    detector = landmarks.default_detector(landmarks.HAAR)
    monkeypatch.setattr(detector, "detect", lambda image: [None])
    return detector


@pytest.fixture
def findings(stylemask):
    """Run the doctor: exit code, findings by name."""

    def run(*arguments):
        code, out, _ = stylemask("doctor", "--json", *arguments)
        found = json.loads(out)
        assert found["usable"] == (code == 0)
        return code, {finding["name"]: finding for finding in found["findings"]}

    return run


def test_a_machine_that_is_well_has_no_problems(
    workshop, findings, tiny_folder, detector, monkeypatch
):
    monkeypatch.delattr(detector, "detect")  # a real search
    code, found = findings("--build", "--device", "cpu")
    assert code == 0
    assert list(found) == [
        "StyleMask",
        "Python",
        "PyTorch",
        "device",
        *(f"operators for {name}" for name in build.LIBRARIES),
        "model",
        *doctor.OPTIONAL,
        "face landmark weights",
        "faces",
        "Hub",
        "disk",
    ]
    # the rest depends on what this machine has
    well = ("StyleMask", "Python", "device", "operators for cpu", "model", "cv2", "faces", "Hub")
    assert {name: found[name]["level"] for name in well} == dict.fromkeys(well, "ok")
    assert not any(found[name]["hint"] for name in well)
    assert found["StyleMask"]["text"].startswith(f"{__version__}, in ")
    assert found["Python"]["text"].startswith("3.")
    assert found["PyTorch"]["text"].startswith(torch.__version__)
    assert found["device"]["text"].startswith("cpu: ")
    assert found["operators for cpu"]["text"].startswith("compiled")
    assert found["model"]["text"] == f"{tiny_folder}: tiny, 16 px"


def test_operators_are_built_ahead_when_asked_to_and_a_failure_is_told(workshop, findings):
    name = "operators for cpu"
    assert findings()[1][name]["text"].startswith("not built yet")
    assert "doctor --build" in findings()[1][name]["hint"]
    assert not workshop.home.exists()
    workshop.source.write_text(BROKEN)
    code, found = findings("--build")
    assert (code, found[name]["level"]) == (0, "warning")
    assert "was not declared" in found[name]["text"]
    workshop.source.write_text(SOURCE)
    found = findings("--build")[1][name]
    assert (found["level"], found["text"][:12]) == ("ok", "compiled in ")
    assert workshop.files("answer-*.so")


def test_a_missing_compiler_is_named(workshop, findings, monkeypatch):
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setitem(build.LIBRARIES, "cpu", workshop.library(command=build.cpu_command))
    found = findings()[1]["operators for cpu"]
    assert found["level"] == "warning"
    assert "install it" in found["text"]


def test_operators_switched_off_are_well(workshop, findings, monkeypatch):
    monkeypatch.setenv("STYLEMASK_OPS", "reference")
    found = findings("--build")[1]["operators for cpu"]
    assert (found["level"], found["text"]) == ("ok", "PyTorch's: STYLEMASK_OPS=reference")


@pytest.mark.parametrize(
    ("mode", "options", "name"),
    [
        ("native", ("--build",), "operators for cpu"),
        ("fast", (), "operators"),
        ("fast", ("--build",), "operators"),
        ("auto", ("--model", "nowhere"), "model"),
        ("auto", ("--device", "cuda:99"), "device"),
    ],
)
def test_what_keeps_every_picture_from_being_made_is_a_problem(
    workshop, findings, monkeypatch, mode, options, name
):
    monkeypatch.setenv("STYLEMASK_OPS", mode)
    workshop.source.write_text(BROKEN)
    code, found = findings(*options)
    assert (code, found[name]["level"]) == (1, "problem")
    assert mode != "fast" or "STYLEMASK_OPS='fast'" in found[name]["text"]


@pytest.mark.parametrize("content", [None, "raise ImportError('libGL.so.1: cannot open')"])
def test_a_package_that_is_missing_or_broken_is_a_warning_with_the_remedy(
    workshop, findings, monkeypatch, tmp_path, content
):
    if content:
        (tmp_path / "some_package.py").write_text(content)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(doctor.OPTIONAL, "some_package", ("tests", "pip install it"))
    found = findings()[1]["some_package"]
    assert (found["level"], found["hint"]) == ("warning", "pip install it")
    assert ("cannot be loaded: libGL.so.1: cannot open" in found["text"]) == bool(content)


@pytest.mark.parametrize(
    ("faces", "words"),
    [
        (lambda image: [], "finds none in a picture that shows one"),
        (lambda image: 1 / 0, "cannot be found: division by zero"),
    ],
)
def test_a_detector_that_does_not_find_a_face_is_not_called_well(
    workshop, findings, monkeypatch, detector, faces, words
):
    assert findings()[1]["faces"]["level"] == "ok"
    monkeypatch.setattr(detector, "detect", faces)
    code, found = findings()
    assert code == 0, "pictures can be made without faces"
    assert found["faces"]["level"] == "warning" and words in found["faces"]["text"]


def test_a_gpu_that_auto_does_not_take_is_a_warning_with_the_reason(
    workshop, findings, monkeypatch
):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(checks, "gpu_problem", lambda index=0: "it is too old")
    monkeypatch.setattr(doctor, "gpu_problem", lambda index=0: "it is too old")
    found = findings()[1]["device"]
    assert found["level"] == "warning"
    assert found["text"].startswith("cpu: ")
    assert found["text"].endswith("the GPU is not used, it is too old")


def test_the_number_of_threads_is_told_with_who_decided_it(workshop, findings, monkeypatch):
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert findings()[1]["device"]["text"].endswith("1 thread, as OMP_NUM_THREADS says")
    monkeypatch.delenv("OMP_NUM_THREADS")
    monkeypatch.setattr(threads, "cpu_quota", lambda: 1.5)
    assert findings()[1]["device"]["text"].endswith("1 thread, under a quota of 1.5 CPUs")


def test_people_get_a_line_a_finding_and_the_remedy_below(workshop, stylemask):
    code, out, err = stylemask("doctor")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0].startswith("ok       StyleMask: ")
    (number,) = (k for k, line in enumerate(lines) if "operators for cpu" in line)
    assert lines[number].startswith("warning ")
    assert lines[number + 1].strip().startswith("→ ")


def test_the_command_line_says_in_one_line_that_demanded_operators_are_missing(
    workshop, refused, monkeypatch
):
    monkeypatch.setenv("STYLEMASK_OPS", "native")
    workshop.source.write_text(BROKEN)
    line = refused(1, *MIX, "-o", "out.png")
    assert "STYLEMASK_OPS=native" in line
    assert "was not declared" in line
    monkeypatch.setenv("STYLEMASK_OPS", "fast")
    assert "choose auto, native, reference" in refused(1, *MIX, "-o", "out.png")


def test_info_says_what_became_of_the_operators(workshop, stylemask, monkeypatch):
    def told() -> tuple[str, str, str]:
        figures = json.loads(stylemask("info", "--json", "--device", "cpu")[1])["operators"]
        return figures["state"], figures["reason"], figures["description"]

    workshop.library().build()
    assert told() == ("native", "", "compiled")
    monkeypatch.setenv("STYLEMASK_OPS", "reference")
    monkeypatch.setitem(build.LIBRARIES, "cpu", workshop.library())
    assert told() == ("reference", "STYLEMASK_OPS=reference", "PyTorch's")


def test_landmark_weights_are_looked_for_and_what_stands_in_is_told(
    findings, tmp_path, monkeypatch
):
    monkeypatch.setenv("STYLEMASK_DETECTOR", "auto")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setenv(fan.WEIGHTS_VARIABLE, str(tmp_path))
    found = findings()[1]["face landmark weights"]
    assert found["level"] == "warning"
    assert fan.WEIGHTS_VARIABLE in found["hint"]
    for name in (fan.LANDMARK_WEIGHTS, fan.BOX_WEIGHTS):
        (tmp_path / name).touch()
    found = findings()[1]["face landmark weights"]
    assert (found["level"], found["text"]) == ("ok", f"in {tmp_path}")


def test_the_hub_is_asked_unless_that_is_switched_off(findings, monkeypatch):
    from huggingface_hub import constants

    assert findings()[1]["Hub"]["text"] == "not asked: HF_HUB_OFFLINE is set"
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    code, found = findings()
    assert code == 0, "pictures can be made without it"
    assert found["Hub"]["level"] == "warning"
    assert "http://127.0.0.1:9 is not reached" in found["Hub"]["text"]
    assert "HF_HUB_OFFLINE=1" in found["Hub"]["hint"]


def test_a_hub_that_answers_is_well(findings, hub_server, monkeypatch):
    found = findings()[1]["Hub"]
    assert (found["level"], found["text"]) == ("ok", f"{hub_server.url} is reached")


def test_a_disk_without_room_or_that_cannot_be_written_is_a_warning(
    findings, tmp_path, monkeypatch
):
    monkeypatch.setattr(doctor, "ROOM", 0.0)
    monkeypatch.setenv("STYLEMASK_HOME", str(tmp_path / "not" / "made" / "yet"))
    found = findings()[1]["disk"]
    assert found["level"] == "ok" and "GB are free" in found["text"]
    monkeypatch.setattr(doctor, "ROOM", 1e9)
    found = findings()[1]["disk"]
    assert found["level"] == "warning" and "STYLEMASK_HOME" in found["hint"]
    monkeypatch.setenv("STYLEMASK_HOME", "/proc/nowhere")  # not even the superuser's
    found = findings()[1]["disk"]
    assert found["level"] == "warning" and "cannot be written" in found["text"]
