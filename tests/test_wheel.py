"""What `pip install` brings: all that runs outside a checkout, and nothing that only builds it."""

import importlib.util
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from stylemask.cli.main import main
from stylemask_core import __version__
from tests.support.helpers import PATIENCE

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("stylemask_core", "stylemask", "op", "demo")
NEEDED = (
    "stylemask_core/weights/heads/generator.safetensors",
    "stylemask/convert/ffhq_card.md",
    "op/csrc/styled_conv.cpp",
    "demo/assets/style.css",
    "demo/heads/head_9.png",
)


@pytest.fixture(scope="module")
def content(tmp_path_factory) -> list[str]:
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"  # a build leaves files beside what it builds
    for name in (*tracked(*PACKAGES), "pyproject.toml", "README.md", "LICENSE"):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, source / name)
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation"]
    done = subprocess.run(
        [*command, "-w", folder, source], capture_output=True, text=True, timeout=PATIENCE
    )
    assert done.returncode == 0, done.stderr
    (wheel,) = folder.glob(f"stylemask-{__version__}-*.whl")
    return zipfile.ZipFile(wheel).namelist()


def tracked(*folders: str) -> set[str]:
    command = ["git", "ls-files", *folders]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return {name for name in listed.stdout.split() if (ROOT / name).is_file()}


def test_the_wheel_holds_every_file_of_what_it_installs(content):
    assert tracked(*PACKAGES) - set(content) == set()
    assert set(NEEDED) <= set(content)


def test_the_wheel_holds_nothing_else(content):
    folders = {name.partition("/")[0] for name in content if ".dist-info/" not in name}
    assert folders == set(PACKAGES)


# extras


@pytest.mark.parametrize(
    ("module", "arguments", "line"),
    [
        ("gradio", ["demo"], "the page needs Gradio: pip install 'stylemask[demo]'"),
        (
            "matplotlib",
            ["inspect", "seed:1", "seed:2"],
            "figures need matplotlib: pip install 'stylemask[figures]'",
        ),
    ],
)
def test_an_extra_that_is_missing_is_named_by_the_command_that_needs_it(
    monkeypatch, refused, module, arguments, line
):
    find = importlib.util.find_spec
    monkeypatch.setattr("importlib.util.find_spec", lambda name: name != module and find(name))
    assert refused(1, *arguments) == f"stylemask: error: {line}\n"


def test_the_core_needs_no_package_of_an_extra():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    core = {re.split("[<>=[]", need)[0] for need in project["dependencies"]}
    assert not core & {"matplotlib", "gradio", "mcp", "gdown", "face-alignment", "opencv-python"}


def test_demo_hands_its_flags_to_the_page(capsys):
    with pytest.raises(SystemExit) as end:
        main(["demo", "--help"])
    assert end.value.code == 0
    assert "--host" in capsys.readouterr().out
