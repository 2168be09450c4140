"""The files of a Hugging Face Space, and whether such a Space would start.

    python scripts/space.py assemble   # build/space/files: push that folder to a Space
    python scripts/space.py check      # the same, then install and start it as a Space would

check makes a new environment from exactly requirements.txt (minutes, and 2 GB or more), starts
app.py where the home cannot be written, and holds the first answer of /mix against the pictures
that the page shows first. It exits with 0 if all of that went well.
"""

import argparse
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TARGET = ROOT / "build" / "space"
PARTS = (
    *("app.py", "requirements.txt", "packages.txt", "LICENSE"),
    *("demo", "op", "stylemask", "stylemask_core"),
    *("docs/api.md", "docs/privacy.md", "docs/provenance.md", "docs/banner.png"),
)
LEFT_OUT = shutil.ignore_patterns("__pycache__", "*.pyc")
LFS = "*.safetensors filter=lfs diff=lfs merge=lfs -text\n"
PINNED = "demo/assets/first_result.webp"  # what /mix answers for the pair that the page shows first
PAIR = (25, 21)
TOLERANCE = 1.0  # mean difference [levels of 255]: processors round differently
START_LIMIT, ANSWER_LIMIT, STOP_LIMIT = 300, 120, 60  # [s]
POLL = 0.5  # [s]


class SpaceError(Exception):
    """The Space would not start; the message says why."""


def assemble(folder: Path) -> None:
    """Write what a Space needs, and nothing else.

    Args:
        folder: replaced if it is there.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name in PARTS:
        source, target = ROOT / name, folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=LEFT_OUT)
        else:
            shutil.copy2(source, target)
    shutil.copy2(ROOT / "space" / "README.md", folder / "README.md")
    (folder / ".gitattributes").write_text(LFS)


def install(files: Path, environment: Path) -> Path:
    """Make an environment of exactly the Space's requirements; returns its Python."""
    shutil.rmtree(environment, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", environment], check=True)
    python = environment / "bin" / "python"
    pip = [python, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    subprocess.run([*pip, "install", "-r", files / "requirements.txt"], check=True)
    return python


def check(python: Path, files: Path) -> float:
    """Start the Space's app and wait for its first picture.

    Args:
        python: of an environment with the Space's requirements.
        files: of the Space.

    Returns:
        Time from the start of the process to the first answer [s].

    Raises:
        SpaceError: it does not come up, does not answer, or answers with something else.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as temporary, tempfile.TemporaryFile("w+") as log:
        environment = {
            "PATH": os.defpath,
            "HOME": "/dev/null/home",  # cannot be written, by root neither
            "TMPDIR": temporary,
            "PYTHONDONTWRITEBYTECODE": "1",
            "SYSTEM": "spaces",
            "SPACE_ID": "someone/stylemask",
            "GRADIO_SERVER_NAME": "0.0.0.0",
            "GRADIO_SERVER_PORT": str(port),
            "NO_PROXY": "localhost,127.0.0.1",
        }
        start = time.monotonic()
        process = subprocess.Popen(
            [python, "app.py"], cwd=files, env=environment, stdout=log, stderr=subprocess.STDOUT
        )
        try:
            url = f"http://127.0.0.1:{port}"
            _wait_until_up(process, url)
            results = _mix(url)
            seconds = time.monotonic() - start
            _compare(results[2], files / PINNED)
            process.terminate()
            if code := process.wait(STOP_LIMIT):
                raise SpaceError(f"it ended with exit code {code}")
        except (OSError, subprocess.TimeoutExpired, SpaceError) as error:
            log.seek(0)
            lines = " | ".join(log.read().split("\n")[-6:])
            raise SpaceError(f"{error}; its log: {lines}") from error
        finally:
            process.kill()
            process.wait()
    return seconds


def _wait_until_up(process: subprocess.Popen[bytes], url: str) -> None:
    end = time.monotonic() + START_LIMIT
    while time.monotonic() < end and process.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=ANSWER_LIMIT).read()
            return
        except OSError:  # not yet, or not any more
            time.sleep(POLL)
    raise SpaceError("the page did not come up")


def _mix(url: str) -> list[str]:
    """The addresses of the pictures of the first pair."""
    call = f"{url}/gradio_api/call/mix"
    body = json.dumps({"data": PAIR}).encode()
    end, answer = time.monotonic() + ANSWER_LIMIT, ""
    while time.monotonic() < end:
        request = urllib.request.Request(call, body, {"Content-Type": "application/json"})
        event = json.load(urllib.request.urlopen(request, timeout=ANSWER_LIMIT))["event_id"]
        answer = urllib.request.urlopen(f"{call}/{event}", timeout=ANSWER_LIMIT).read().decode()
        if "event: complete" in answer:
            return [file["url"] for file in json.loads(answer.split("data: ")[-1])]
        time.sleep(POLL)  # the model is still being loaded
    raise SpaceError(f"/mix gives no picture: {' '.join(answer.split())}")


def _compare(address: str, pinned: Path) -> None:
    import numpy as np
    from PIL import Image

    with urllib.request.urlopen(address, timeout=ANSWER_LIMIT) as file, Image.open(file) as picture:
        found = np.asarray(picture.convert("RGB"), float)
    with Image.open(pinned) as picture:
        expected = np.asarray(picture.convert("RGB"), float)
    if found.shape != expected.shape:
        raise SpaceError(f"the first picture is {found.shape}, not {expected.shape}")
    difference = abs(found - expected).mean()
    if difference > TOLERANCE:
        raise SpaceError(f"the first picture differs by {difference:.1f} levels from {pinned.name}")


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("what", choices=("assemble", "check"))
    args = parser.parse_args(argv)
    files = TARGET / "files"
    assemble(files)
    print(f"assembled {files}")
    if args.what == "check":
        try:
            python = install(files, TARGET / "environment")
            print(f"the first picture was there after {check(python, files):.1f} s")
        except (SpaceError, subprocess.CalledProcessError) as error:
            print(f"error: the Space would not start: {error}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
