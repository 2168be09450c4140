"""Building a small C++ library where all goes well, and where everything goes wrong."""

import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from filelock import FileLock

from op import build, compile_once
from op.build import BuildError, Library
from stylemask_core.models.cache import cache_folder
from tests.support.helpers import PATIENCE, wait_for
from tests.support.workshop import BROKEN, SOURCE, Workshop

pytestmark = [
    pytest.mark.skipif(os.name != "posix", reason="operators are not compiled on this system"),
    pytest.mark.skipif(not shutil.which("g++"), reason="there is no g++"),
]


def process_of(pid: int) -> list[str]:
    """State and parent of a process; the state of one that ended is Z, or there is nothing."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[:2]
    except OSError:
        return ["Z", ""]


@pytest.fixture(params=["workshop"])
def workshop(request, tmp_path, monkeypatch):
    return Workshop(tmp_path / request.param, monkeypatch)


def settle(built: Library) -> None:
    """Ask again and again, as requests do, until the build has ended."""
    wait_for(lambda: built.load() or built.state != "building")


def assert_native(built: Library) -> None:
    assert (built.state, built.reason) == ("native", "")
    assert built.load().answer() == 42


@pytest.mark.parametrize("workshop", ["workshop", "it's a $path"], indirect=True)
def test_a_library_is_compiled_once_and_used_by_later_processes(workshop):
    workshop.before_compiling("")
    first = workshop.library()
    settle(first)
    assert_native(first)
    second = workshop.library()
    assert second.status()["state"] == "native"  # even before it is asked for
    assert second.load().answer() == 42
    assert len(workshop.compilers) == 1
    (target,) = workshop.files("*.so")
    target.unlink()  # the lock file that is left stops nobody
    third = workshop.library()
    settle(third)
    assert_native(third)


def test_of_those_that_want_the_same_at_once_one_compiles_and_nobody_waits(workshop):
    workshop.close_gate()
    several = [workshop.library() for _ in range(3)]
    assert [built.load() for built in several] == [None] * 3
    wait_for(lambda: workshop.compilers)
    assert [built.load() for built in several] == [None] * 3
    assert several[0].status()["state"] == "building"
    workshop.gate.touch()
    for built in several:
        settle(built)
        assert_native(built)
        assert built.status()["seconds"] > 0
    assert len(workshop.compilers) == 1


def test_nobody_waits_for_a_thread_that_waits_for_the_compiler(workshop):
    workshop.close_gate()
    built = workshop.library()
    thread = threading.Thread(target=built.build)
    thread.start()
    wait_for(lambda: workshop.compilers)
    assert built.load() is None
    assert built.status()["state"] == "building"
    workshop.gate.touch()
    thread.join(PATIENCE)
    assert_native(built)


def test_a_program_that_ends_does_not_undo_the_build(workshop):
    workshop.close_gate()
    job = (
        "import sys; from pathlib import Path; from op.build import Library\n"
        "source, header, compiler = [Path(p) for p in sys.argv[1:]]\n"
        "command = lambda: [str(compiler), '-shared', '-fPIC']\n"
        "built = Library('answer', [source], [header], command)\n"
        "assert built.load() is None and built.state == 'building'\n"
    )
    arguments = [workshop.source, workshop.header, workshop.compiler]
    subprocess.run([sys.executable, "-c", job, *arguments], check=True, timeout=PATIENCE)
    assert not workshop.files("answer-*.so")
    workshop.gate.touch()
    wait_for(lambda: workshop.files("answer-*.so"))
    assert workshop.library().load().answer() == 42
    assert len(workshop.compilers) == 1


def test_a_compile_error_is_told_once_with_its_cause(workshop, caplog):
    workshop.source.write_text(BROKEN)
    built = workshop.library()
    settle(built)
    assert built.load() is None
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert "was not declared in this scope" in record.message
    assert "\n" not in record.message
    assert built.status()["state"] == "failed"
    assert not workshop.files("*.so") and not workshop.files("*.tmp")


def test_a_failure_is_remembered_for_a_while_until_a_retry_is_asked_for(workshop):
    workshop.before_compiling(f'[ -e "{workshop.gate}" ] || exit 7')
    with pytest.raises(BuildError, match="compiler: no library, exit code 7"):
        workshop.library().build()
    again = workshop.library()
    assert again.status()["state"] == "failed"
    assert again.load() is None
    assert "exit code 7" in again.reason and "doctor --build" in again.reason
    assert len(workshop.compilers) == 1
    with pytest.raises(BuildError, match="exit code 7"):
        again.build(retry=True)
    assert len(workshop.compilers) == 2
    (failure,) = workshop.files("*.failed")
    long_ago = time.time() - compile_once.REMEMBERED - 60
    os.utime(failure, (long_ago, long_ago))
    settle(workshop.library())
    assert len(workshop.compilers) == 3
    workshop.gate.touch()
    again.build(retry=True)
    assert_native(again)
    assert not workshop.files("*.failed")


def test_a_missing_compiler_is_named_with_what_to_do(workshop, caplog, monkeypatch):
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CXX", raising=False)
    built = workshop.library(command=lambda: [build.find_compiler("CXX", "g++", "c++")])
    assert built.status()["state"] == "failed"
    assert built.load() is None
    assert built.load() is None
    (record,) = caplog.records
    assert "there is no g++: install it, or name it in CXX" in record.message


def test_the_compiler_that_the_environment_names_comes_first(workshop, monkeypatch):
    monkeypatch.setenv("CXX", str(workshop.compiler))
    assert build.find_compiler("CXX", "g++") == str(workshop.compiler)
    monkeypatch.setenv("CXX", "no-such-compiler")
    assert Path(build.find_compiler("CXX", "g++")).name == "g++"


def test_a_compiler_that_cannot_be_started_is_a_failure_like_others(workshop):
    workshop.compiler.write_bytes(b"\x7fELF but not really")
    with pytest.raises(BuildError, match="cannot be run: Exec format error"):
        workshop.library().build()


@pytest.mark.parametrize(
    ("victim", "complaint"),
    [("compiler", "the compiler was killed by SIGKILL"), ("builder", "was killed by SIGKILL")],
)
def test_a_killed_build_leaves_nothing_that_counts(workshop, caplog, victim, complaint):
    workshop.close_gate()
    built = workshop.library()
    built.load()
    (pid,) = wait_for(lambda: workshop.compilers)
    os.kill(pid if victim == "compiler" else int(process_of(pid)[1]), signal.SIGKILL)
    settle(built)
    assert built.load() is None
    assert complaint in caplog.records[0].message
    assert not workshop.files("*.so")
    workshop.gate.touch()  # a compiler that lost its master ends now: it must not matter
    again = workshop.library()
    again.build(retry=True)
    assert_native(again)
    assert not workshop.files("*.tmp")


def test_another_process_is_not_waited_for_beyond_the_limit(workshop, monkeypatch):
    monkeypatch.setenv("STYLEMASK_BUILD_TIMEOUT", "0.3")
    built = workshop.library()
    lock = built.target().with_suffix(".lock")
    lock.parent.mkdir(parents=True)
    with (
        FileLock(lock),
        pytest.raises(BuildError, match=r"another process has been at it for more than 0.3 s"),
    ):
        built.build()


def test_a_slow_compiler_is_stopped_with_all_its_processes(workshop, monkeypatch):
    monkeypatch.setenv("STYLEMASK_BUILD_TIMEOUT", "2")
    workshop.before_compiling(f'sleep 1000 & echo $! >> "{workshop.folder}/runs"; wait')
    with pytest.raises(BuildError, match="the compiler was stopped after 2 s"):
        workshop.library().build()
    assert len(workshop.compilers) == 2
    wait_for(lambda: all(process_of(pid)[0] == "Z" for pid in workshop.compilers))
    assert workshop.library().load() is None  # and the next start does not wait for it again
    assert len(workshop.compilers) == 2
    assert not workshop.files("*.so") and not workshop.files("*.tmp")


def test_a_cache_that_cannot_be_written_is_named_with_the_cause(workshop, caplog, monkeypatch):
    (workshop.folder / "file").touch()  # no folder can be made in a file, not even by root
    monkeypatch.setenv("STYLEMASK_HOME", str(workshop.folder / "file" / "home"))
    built = workshop.library()
    settle(built)
    assert built.load() is None
    (record,) = caplog.records
    assert f"cannot write to {workshop.folder / 'file' / 'home'}" in record.message
    assert "Not a directory" in record.message
    assert "STYLEMASK_HOME" in record.message


def test_a_broken_library_is_compiled_anew(workshop):
    built = workshop.library()
    built.target().parent.mkdir(parents=True)
    built.target().write_bytes(b"not a library")
    settle(built)
    assert_native(built)
    assert len(workshop.compilers) == 1


def test_a_library_that_does_not_work_here_is_not_used_and_compiled_anew_when_asked(
    workshop, caplog
):
    def prepare(handle):
        if handle.answer() != 42:
            raise RuntimeError("the driver is too old")

    built = workshop.library(prepare=prepare)
    other = workshop.folder / "other.cpp"
    other.write_text(SOURCE.replace("NUMBER;", "NUMBER - 1;"))
    built.target().parent.mkdir(parents=True)
    command = ["g++", "-shared", "-fPIC", f"-I{workshop.folder}", "-o", built.target(), other]
    subprocess.run(command, check=True)
    assert built.load() is None
    (record,) = caplog.records
    assert "the driver is too old" in record.message
    assert workshop.compilers == []
    for _ in range(2):
        built.build(retry=True)
        assert_native(built)
        assert len(workshop.compilers) == 1


def test_a_machine_without_use_for_a_library_compiles_and_says_nothing(workshop, caplog):
    built = workshop.library(unneeded=lambda: "there is no GPU")
    assert built.load() is None
    built.build(retry=True)
    expected = {"state": "reference", "reason": "there is no GPU", "seconds": 0.0}
    assert built.status() == expected
    assert not caplog.records
    assert not workshop.home.exists()


def test_the_file_depends_on_all_that_the_library_depends_on(workshop, monkeypatch):
    def target(*flags):
        return workshop.library(command=lambda: [str(workshop.compiler), *flags]).target()

    targets = [target(), target("-O2"), target("-march=native")]
    assert target() == targets[0]
    monkeypatch.setattr(build.torch, "__version__", "another torch")
    targets.append(target())
    monkeypatch.setattr(build.torch.version, "cuda", "another CUDA")
    targets.append(target())
    workshop.header.write_text("#define NUMBER 43\n")
    targets.append(target())
    workshop.source.write_text(SOURCE + "\n")
    targets.append(target())
    workshop.before_compiling("true")
    targets.append(target())
    assert len(set(targets)) == len(targets)


def test_native_waits_for_the_compiler_or_is_an_error_that_names_the_cause(
    workshop, monkeypatch, caplog
):
    monkeypatch.setenv("STYLEMASK_OPS", "native")
    assert workshop.library().load().answer() == 42
    workshop.source.write_text(BROKEN)
    built = workshop.library()
    for _ in range(2):
        with pytest.raises(BuildError, match=r"STYLEMASK_OPS=native, but .* was not declared"):
            built.load()
    assert not caplog.records


def test_reference_compiles_nothing(workshop, monkeypatch, caplog):
    monkeypatch.setenv("STYLEMASK_OPS", "reference")
    built = workshop.library()
    assert built.load() is None
    assert built.status()["state"] == "reference"
    assert built.status()["reason"] == "STYLEMASK_OPS=reference"
    assert not workshop.home.exists()
    assert not caplog.records


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("STYLEMASK_OPS", "fast"),
        *(("STYLEMASK_BUILD_TIMEOUT", value) for value in ("soon", "0", "inf", "nan")),
    ],
)
def test_a_setting_that_makes_no_sense_is_an_error_that_names_it(
    workshop, monkeypatch, variable, value
):
    monkeypatch.setenv(variable, value)
    with pytest.raises(BuildError, match=f"{variable}='{value}'"):
        workshop.library().load()
    assert not workshop.home.exists()


def test_importing_the_operators_builds_nothing(workshop):
    code = "import op, json; from op import build; print(json.dumps(build.status()))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=PATIENCE
    )
    assert set(json.loads(done.stdout)) == set(build.LIBRARIES)
    assert not workshop.home.exists()


def test_libraries_lie_in_the_projects_cache_folder(monkeypatch):
    for home, caches in (("/a", "/b"), ("~/a", ""), ("", "/b"), ("", "")):
        monkeypatch.setenv("STYLEMASK_HOME", home)
        monkeypatch.setenv("XDG_CACHE_HOME", caches)
        assert build.cache_folder() == cache_folder() / "operators"
