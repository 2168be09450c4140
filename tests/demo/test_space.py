"""The files of a Space and what a ZeroGPU Space is lent; `make space` starts a real one."""

import importlib.util
import re
import subprocess
import sys
from types import SimpleNamespace

import gradio as gr
import pytest
import yaml

from demo.server.zero_gpu import borrow_gpu
from tests.support.helpers import PATIENCE, ROOT

_spec = importlib.util.spec_from_file_location("space", ROOT / "scripts" / "space.py")
space = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(space)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("space") / "files"
    space.assemble(folder)
    return folder


@pytest.fixture(scope="module")
def front_matter(files):
    return yaml.safe_load((files / "README.md").read_text().split("---\n")[1])


def test_a_space_has_what_its_front_matter_and_its_pages_name(files, front_matter):
    assert (files / front_matter["app_file"]).is_file()
    assert (files / front_matter["thumbnail"]).is_file()
    for page in ("README.md", "docs/api.md", "docs/privacy.md"):
        text = (files / page).read_text()
        for link in re.findall(r"\]\((?!https?:)([^)#]+)", text):
            assert ((files / page).parent / link).exists(), f"{page} names {link}"


def test_a_space_installs_the_versions_that_are_tested(files, front_matter):
    pins = (files / "requirements.txt").read_text()
    assert f"gradio[mcp]=={front_matter['sdk_version']}\n" in pins
    assert "spaces" not in pins, "a ZeroGPU Space brings it"
    assert front_matter["sdk"] == "gradio" and front_matter["license"] == "mit"
    assert len(front_matter["short_description"]) <= 60


def test_a_space_has_no_tests_no_caches_and_all_of_the_code(files):
    names = {str(path.relative_to(files)) for path in files.rglob("*") if path.is_file()}
    tracked = subprocess.run(
        ["git", "ls-files", "app.py", "demo", "op", "stylemask_core"],
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    if tracked.returncode == 0:
        assert set(tracked.stdout.split()) <= names
    assert {"app.py", "op/build.py", "stylemask_core/weights/heads/config.json"} <= names
    assert not [name for name in names if "__pycache__" in name or name.startswith("tests")]


def test_the_program_of_a_space_starts_from_its_files_alone(files, tmp_path):
    """Only as far as its command line: a start takes seconds, and is what `make space` does."""
    done = subprocess.run(
        [sys.executable, "-E", "-s", "-B", "app.py", "--help"],
        cwd=files, capture_output=True, text=True, timeout=PATIENCE,
        env={"HOME": "/dev/null/home", "TMPDIR": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == 0 and "--share" in done.stdout


def test_an_answer_other_than_the_pinned_one_is_told(files, tmp_path):
    pinned = files / space.PINNED
    space._compare(pinned.as_uri(), pinned)
    with pytest.raises(space.SpaceError, match="differs by"):
        space._compare((pinned.parent / "first_source.webp").as_uri(), pinned)


def refining(source, refine_seconds=0.0):
    """Stands for what refines two pictures for a time that its caller chooses."""


def test_events_on_the_model_borrow_the_gpu_of_a_zero_gpu_space(monkeypatch):
    with gr.Blocks() as page:
        button = gr.Button()
        button.click(lambda: None, concurrency_id="model")
        button.click(lambda: None, concurrency_id="faces")
        button.click(refining, button, concurrency_id="model")
    heavy, light, longest = page.fns.values()
    before = heavy.fn, light.fn
    borrowed = []

    def borrow(call, duration):
        borrowed.append(duration)
        return lambda: call

    monkeypatch.setitem(sys.modules, "spaces", SimpleNamespace(GPU=borrow))
    monkeypatch.delenv("SPACES_ZERO_GPU", raising=False)
    borrow_gpu(page, "model")
    assert (heavy.fn, light.fn) == before and not borrowed
    monkeypatch.setenv("SPACES_ZERO_GPU", "true")
    borrow_gpu(page, "model")
    assert heavy.fn() == before[0] and light.fn == before[1] and longest.fn() is refining
    plain, duration = borrowed
    assert plain == 60
    assert duration("a.png", 60.0) >= 60 + 2 * 60.0 and duration("a.png") == 60
