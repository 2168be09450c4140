"""The command line as a process: terminals that cannot show all, closed pipes, interrupts."""

import io
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TextIO

import pytest

import stylemask_core
from stylemask.cli.main import main
from stylemask_core import StyleMaskPipeline, __version__
from tests.support.helpers import MIX, PATIENCE, ROOT, face, noise, pixels, wait_for


def run(*arguments: object, **options) -> subprocess.CompletedProcess:
    """Run a Python with the project on its path, wherever it starts."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)} | options.pop("env", {})
    captured = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "cwd": ROOT, "text": True}
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        timeout=PATIENCE,
        env=environment,
        **(captured | options),
    )


def stylemask_process(*arguments: object, **options) -> subprocess.CompletedProcess:
    return run("-m", "stylemask", *arguments, **options)


def test_the_package_runs_as_a_module_with_the_embedded_model(tmp_path):
    photo, path = tmp_path / "photo.jpg", tmp_path / "out.png"
    # Pillow warns of this metadata, which concerns no one here
    noise(64).save(photo, exif=b"Exif\0\0II*\0\x08\0\0\0\x09\0\x12")
    done = stylemask_process("reenact", photo, "seed:1", "--grid", "-o", path)
    assert (done.returncode, done.stdout) == (0, "")
    faceless, wrote = done.stderr.splitlines()
    assert faceless.startswith("stylemask: photo.jpg: no face was found")
    assert wrote.startswith(f"stylemask: wrote {path}")
    assert pixels(path).shape == (512, 3 * 512, 3)
    assert stylemask_process("mix").returncode == 2


def test_importing_the_core_and_its_command_line_leaves_heavy_packages_alone():
    heavy = ("gradio", "scipy", "face_alignment", "matplotlib", "cv2", "training")
    script = (
        "import sys, stylemask_core.pipeline, stylemask.cli.commands; "
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    done = run("-c", script)
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_the_package_is_imported_without_pytorch_and_has_its_names_all_the_same():
    script = "import sys, stylemask_core, stylemask.cli.main; print('torch' in sys.modules)"
    assert run("-c", script).stdout == "False\n"
    assert all(getattr(stylemask_core, name) is not None for name in stylemask_core.__all__)
    with pytest.raises(AttributeError, match="no attribute 'Pipeline'"):
        stylemask_core.Pipeline  # noqa: B018


# terminals


def printed(stdout: TextIO, *arguments: object) -> int:
    """Run a command line with another standard output; its exit code."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdout", stdout)
        try:
            return main([str(argument) for argument in arguments])
        except SystemExit as end:  # of --help and --version
            return end.code


def terminal(encoding: str) -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(), encoding=encoding, line_buffering=True)


def test_a_process_in_an_ascii_locale_writes_ascii(tiny_folder):
    environment = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    done = stylemask_process(
        "info", env=environment | {"STYLEMASK_MODEL": str(tiny_folder)}, text=False
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"16x16 px" in done.stdout
    assert done.stdout.isascii()


def test_help_figures_and_errors_can_be_shown_in_ascii(stylemask, monkeypatch):
    for arguments, text in (
        (("info",), b"16x16 px"),
        (("reenact", "--help"), b"0...1"),
        (("inspect", "--help"), b"0...2"),
    ):
        stdout = terminal("ascii")
        assert printed(stdout, *arguments) == 0
        assert text in stdout.buffer.getvalue()
        assert b"\\" not in stdout.buffer.getvalue()
    stderr = terminal("ascii")
    monkeypatch.setattr(sys, "stderr", stderr)
    assert printed(sys.stdout, "mix", "--source-seed=-1", "--target-seed=1") == 2
    assert b"0...4294967295" in stderr.buffer.getvalue()


def test_names_of_files_can_be_shown_in_any_encoding(stylemask):
    name = os.fsdecode(b"\xff\xc3\xa9.png")  # a byte that is no text, and an é
    face("a.png").rename(name)
    for encoding, shown in (("utf-8", b"\xff\xc3\xa9.png"), ("ascii", b"\xff\\xe9.png")):
        stdout = terminal(encoding)
        assert printed(stdout, "verify", name) == 0
        assert stdout.buffer.getvalue().startswith(shown + b": nothing found")


# pipes


@pytest.fixture
def closed_pipe():
    """The end to write to of a pipe that nobody reads any more, as after `| head`."""
    reader, writer = os.pipe()
    os.close(reader)
    yield writer
    os.close(writer)


def test_a_closed_pipe_ends_the_process_quietly(closed_pipe):
    done = stylemask_process("info", stdout=closed_pipe)
    assert (done.returncode, done.stderr) == (141, "")


@pytest.mark.parametrize(
    "command", [("info", "--json"), ("--help",), ("--version",), (*MIX, "-o", "-")]
)
def test_a_closed_pipe_ends_every_command_quietly(stylemask, closed_pipe, capsys, command):
    with os.fdopen(os.dup(closed_pipe), "w") as pipe:
        assert printed(pipe, *command) == 141
    assert capsys.readouterr() == ("", "")


needs_full = pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has it")
FULL = "stylemask: error: cannot write to standard output (No space left on device)\n"


@needs_full
@pytest.mark.parametrize("command", [("info", "--json"), ("--help",), (*MIX, "-o", "-")])
def test_a_full_disk_behind_standard_output_is_told_in_one_line(stylemask, capsys, command):
    with Path("/dev/full").open("w") as full:
        assert printed(full, *command) == 1
    assert capsys.readouterr() == ("", FULL)


def test_messages_that_nobody_reads_stop_nothing(stylemask, closed_pipe, monkeypatch):
    with os.fdopen(os.dup(closed_pipe), "w", buffering=1) as pipe:
        monkeypatch.setattr(sys, "stderr", pipe)
        assert stylemask(*MIX, "-o", "mix.png")[0] == 0
    assert pixels("mix.png").shape == (512, 512, 3)


def test_closed_standard_streams_are_told_by_the_exit_code_alone(stylemask, monkeypatch, capsys):
    """So Python shows streams that a shell closed with >&- and 2>&-."""
    assert printed(None, "--version") == 1
    told = "stylemask: error: cannot write to standard output (Bad file descriptor)\n"
    assert capsys.readouterr() == ("", told)
    monkeypatch.setattr(sys, "stderr", None)
    assert main(["mix"]) == 2
    assert capsys.readouterr().out == ""


# interrupts


def heed_interrupts() -> None:
    """A shell's background job ignores them, and so would its children."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.parametrize("module", ["torch", "tqdm"])
def test_an_interrupt_while_the_program_is_still_being_loaded_ends_it_quietly(tmp_path, module):
    # A package of that name which is interrupted while it is imported, and makes of it another
    # error, as libraries do.
    (tmp_path / f"{module}.py").write_text(
        "import os, signal\n"
        "try:\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "    [None for _ in range(1000)]\n"
        "except KeyboardInterrupt:\n"
        "    raise ImportError('something is broken')\n"
    )
    path = f"{tmp_path}{os.pathsep}{ROOT}"
    done = stylemask_process(
        "mix", env={"PYTHONPATH": path}, cwd=tmp_path, preexec_fn=heed_interrupts
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


def test_an_interrupt_after_the_work_ends_nothing_with_a_traceback(tmp_path):
    script = (
        "import atexit, os, signal, sys\n"
        "from stylemask.cli.main import main\n"
        "atexit.register(lambda: os.kill(os.getpid(), signal.SIGINT))\n"
        "sys.exit(main())\n"
    )
    done = run("-c", script, "--version", preexec_fn=heed_interrupts)
    assert done.stderr == ""


def test_an_interrupt_ends_quietly_and_leaves_whole_pictures(tmp_path, tiny_folder):
    faces, out = tmp_path / "faces", tmp_path / "out"
    content = face(str(faces / "0.png"), size=(1000, 1000)).read_bytes()
    for k in range(1, 200):
        (faces / f"{k}.png").write_bytes(content)
    command = [sys.executable, "-m", "stylemask", "reenact", faces, "seed:1", "-o", out]
    environment = os.environ | {"STYLEMASK_MODEL": str(tiny_folder)}
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True,
        preexec_fn=heed_interrupts,
    ) as process:  # fmt: skip
        wait_for((out / "0.png").exists)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert [line for line in err.splitlines() if "no face was found" not in line] == []
    written = list(out.iterdir())
    assert 0 < len(written) < 200
    assert all(pixels(path).shape == (512, 512, 3) for path in written)


def test_an_interrupt_during_the_work_leaves_neither_a_file_nor_a_folder(stylemask, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(StyleMaskPipeline, "reenact", interrupted)
    face("faces/a.png")
    for arguments in (
        (*MIX,),
        (*MIX, "-o", "new/within/out.png"),
        ("reenact", "faces", "seed:1"),
        ("inspect", "seed:1", "seed:2"),
    ):
        code, out, err = stylemask(*arguments)
        assert (code, out) == (130, "")
        assert "error" not in err
        assert [path.name for path in Path().iterdir()] == ["faces"]


# the last resort


def test_version_and_help_tell_what_there_is(capsys):
    for arguments in (["--version"], ["-V"], ["--help"], ["reenact", "--help"]):
        with pytest.raises(SystemExit) as end:
            main(arguments)
        assert end.value.code == 0
        out = capsys.readouterr().out
        is_version = arguments[0] in ("--version", "-V")
        assert __version__ in out if is_version else "exit codes" in out


def test_an_unexpected_error_is_one_line_and_a_traceback_only_when_asked(
    refused, stylemask, monkeypatch
):
    def broken(*_, **__):
        raise RuntimeError("out of\nmemory")

    monkeypatch.setattr(StyleMaskPipeline, "reenact", broken)
    line = refused(1, *MIX, "-o", "out.png")
    assert "RuntimeError: out of memory" in line
    assert "--verbose" in line
    _, out, err = stylemask(*MIX, "-o", "out.png", "--verbose")
    assert out == ""
    assert "Traceback" in err
