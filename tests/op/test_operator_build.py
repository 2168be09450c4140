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

from op import build, compile_once, library
from op.library import BuildError, Library
from stylemask_core.models.cache import cache_folder
from tests.support.helpers import PATIENCE, wait_for
from tests.support.workshop import BROKEN, SOURCE, Workshop

pytestmark = [
    pytest.mark.skipif(os.name != "posix", reason="operators are not compiled on this system"),
    pytest.mark.skipif(not shutil.which("g++"), reason="there is no g++"),
]


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that ended but was not yet asked for its exit code does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


@pytest.fixture
def workshop(tmp_path, monkeypatch):
    return Workshop(tmp_path / "workshop", monkeypatch)


def settle(built: Library) -> None:
    """Ask again and again, as requests do, until the build has ended."""
    wait_for(lambda: built.load() or built.state != "building")


def assert_native(built: Library) -> None:
    assert (built.state, built.reason) == ("native", "")
    assert built.load().answer() == 42


def test_a_library_is_compiled_once_and_found_by_later_processes(workshop):
    first = workshop.library()
    settle(first)
    assert_native(first)
    second = workshop.library()
    assert second.status()["state"] == "native"  # even before it is asked for
    assert second.load().answer() == 42
    assert len(workshop.compilers) == 1
    assert [path.suffix for path in workshop.files("answer*")] == [".lock", ".so"]


def test_nobody_waits_for_the_compiler(workshop):
    workshop.close_gate()
    built = workshop.library()
    assert built.load() is None
    wait_for(lambda: workshop.compilers)
    assert built.load() is None
    assert built.status()["state"] == "building"
    workshop.gate.touch()
    settle(built)
    assert_native(built)
    assert built.status()["seconds"] > 0


def test_nobody_waits_for_a_thread_that_waits_for_the_compiler(workshop):
    workshop.close_gate()
    built = workshop.library()
    thread = threading.Thread(target=built.build, args=(False,))
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
        "import sys; from pathlib import Path; from op.library import Library, Recipe\n"
        "paths = [Path(p) for p in sys.argv[1:]]\n"
        "command = lambda: [str(paths[2]), '-shared', '-fPIC']\n"
        "built = Library('answer', Recipe([paths[0]], [paths[1]], command))\n"
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
    workshop.source.write_text(BROKEN)
    with pytest.raises(BuildError):
        workshop.library().build(retry=False)
    again = workshop.library()
    assert again.status()["state"] == "failed"
    assert again.load() is None
    assert "was not declared" in again.reason
    assert "doctor --build" in again.reason
    assert len(workshop.compilers) == 1
    with pytest.raises(BuildError, match="was not declared"):
        again.build(retry=True)
    assert len(workshop.compilers) == 2
    (failure,) = workshop.files("*.failed")
    long_ago = time.time() - compile_once.REMEMBERED - 60
    os.utime(failure, (long_ago, long_ago))
    settle(workshop.library())
    assert len(workshop.compilers) == 3


def test_a_failure_is_forgotten_when_a_retry_succeeds(workshop):
    workshop.before_compiling(f'[ -e "{workshop.gate}" ] || exit 7')
    built = workshop.library()
    with pytest.raises(BuildError, match="compiler: no library, exit code 7"):
        built.build(retry=False)
    workshop.gate.touch()
    built.build(retry=True)
    assert_native(built)
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
        workshop.library().build(retry=False)


def test_neither_ninja_nor_anything_else_on_the_path_is_needed(workshop, monkeypatch):
    gcc, assembler, linker, shell = map(shutil.which, ("g++", "as", "ld", "sh"))
    tools = workshop.folder / "tools"
    tools.mkdir()
    for name, path in {"g++": gcc, "as": assembler, "ld": linker, "sh": shell}.items():
        (tools / name).symlink_to(path)
    monkeypatch.setenv("PATH", str(tools))
    built = workshop.library()
    built.build(retry=False)
    assert_native(built)


def test_a_killed_build_leaves_nothing_that_counts(workshop, caplog):
    workshop.close_gate()
    built = workshop.library()
    built.load()
    wait_for(lambda: workshop.compilers)
    os.kill(built._build._process.pid, signal.SIGKILL)
    settle(built)
    assert built.load() is None
    assert "was killed by SIGKILL" in caplog.records[0].message
    assert not workshop.files("*.so") and workshop.files("*.tmp")
    workshop.gate.touch()  # the compiler that lost its master ends now: it must not matter
    again = workshop.library()
    settle(again)
    assert_native(again)
    assert not workshop.files("*.tmp")


def test_a_compiler_killed_half_way_is_a_failure(workshop):
    workshop.close_gate()
    built = workshop.library()
    built.load()
    (pid,) = wait_for(lambda: workshop.compilers)
    os.kill(pid, signal.SIGKILL)
    settle(built)
    assert "the compiler was killed by SIGKILL" in built.reason
    assert not workshop.files("*.so") and not workshop.files("*.tmp")


def test_of_processes_that_want_the_same_at_once_one_compiles(workshop):
    workshop.close_gate()
    several = [workshop.library() for _ in range(3)]
    for built in several:
        built.load()
    wait_for(lambda: workshop.compilers)
    workshop.gate.touch()
    for built in several:
        settle(built)
        assert_native(built)
    assert len(workshop.compilers) == 1


def test_a_lock_file_that_nobody_holds_stops_nobody(workshop):
    workshop.library().build(retry=False)
    (target,) = workshop.files("*.so")
    target.unlink()
    assert target.with_suffix(".lock").exists()
    built = workshop.library()
    settle(built)
    assert_native(built)


def test_a_builder_that_hangs_is_not_waited_for_beyond_the_limit(workshop):
    workshop.close_gate()
    hanging = workshop.library()
    hanging.load()
    wait_for(lambda: workshop.compilers)
    process = hanging._build._process
    process.send_signal(signal.SIGSTOP)
    workshop.monkeypatch.setenv("STYLEMASK_BUILD_TIMEOUT", "0.3")
    try:
        with pytest.raises(BuildError, match=r"another process has been at it for more than 0.3 s"):
            workshop.library().build(retry=False)
    finally:
        workshop.gate.touch()
        process.send_signal(signal.SIGCONT)
    settle(hanging)
    assert_native(hanging)


def test_a_building_process_that_keeps_no_limit_is_given_up(workshop, monkeypatch):
    monkeypatch.setattr(library, "GRACE", -0.5)
    workshop.monkeypatch.setenv("STYLEMASK_BUILD_TIMEOUT", "0.5")
    workshop.close_gate()
    built = workshop.library()
    built.load()
    built._build._process.send_signal(signal.SIGSTOP)
    settle(built)
    assert "the building process was killed" in built.reason
    workshop.gate.touch()


def test_a_slow_compiler_is_stopped_with_all_its_processes(workshop, monkeypatch):
    class Compiler(subprocess.Popen):
        def wait(self, timeout=None):
            """Begin to count when both processes run."""
            wait_for(lambda: len(workshop.compilers) == 2)
            return super().wait(timeout)

    workshop.before_compiling(f'sleep 1000 & echo $! >> "{workshop.folder}/runs"; wait')
    built = workshop.library()
    command = built.recipe.command()
    files = [str(workshop.source)], [str(workshop.header)], str(built._target(command))
    with monkeypatch.context() as patched:
        patched.setattr(subprocess, "Popen", Compiler)
        with pytest.raises(compile_once.CompileError, match=r"was stopped after 0\.1 s"):
            compile_once.run(compile_once.Job(command, *files, limit=0.1))
    wait_for(lambda: not any(map(is_alive, workshop.compilers)))
    assert built.load() is None  # and the next start does not wait for it again
    assert "the compiler was stopped after 0.1 s" in built.reason
    assert len(workshop.compilers) == 2
    assert not workshop.files("*.so") and not workshop.files("*.tmp")


def test_a_building_process_told_to_leave_takes_the_compiler_along(workshop):
    workshop.close_gate()
    built = workshop.library()
    built.load()
    (pid,) = wait_for(lambda: workshop.compilers)
    built._build._process.terminate()
    settle(built)
    assert built.state == "failed"
    wait_for(lambda: not is_alive(pid))
    assert not workshop.files("*.so") and not workshop.files("*.tmp")


def test_a_cache_that_cannot_be_written_is_named_with_the_cause(workshop, caplog):
    (workshop.folder / "file").touch()  # no folder can be made in a file, not even by root
    workshop.monkeypatch.setenv("STYLEMASK_HOME", str(workshop.folder / "file" / "home"))
    built = workshop.library()
    settle(built)
    assert built.load() is None
    (record,) = caplog.records
    assert f"cannot write to {workshop.folder / 'file' / 'home'}" in record.message
    assert "Not a directory" in record.message
    assert "STYLEMASK_HOME" in record.message


def test_paths_may_have_spaces_and_quotes(tmp_path, monkeypatch):
    workshop = Workshop(tmp_path / "it's a $path", monkeypatch)
    workshop.before_compiling("")
    built = workshop.library()
    settle(built)
    assert_native(built)


def test_a_broken_library_is_compiled_anew(workshop):
    built = workshop.library()
    target = built._target(built.recipe.command())
    target.parent.mkdir(parents=True)
    target.write_bytes(b"not a library")
    settle(built)
    assert_native(built)
    assert len(workshop.compilers) == 1


def test_a_library_that_does_not_work_here_is_not_used(workshop, caplog):
    def prepare(handle):
        raise RuntimeError("the driver is too old")

    built = workshop.library(prepare=prepare)
    settle(built)
    assert built.load() is None
    (record,) = caplog.records
    assert "the driver is too old" in record.message


def test_a_library_that_does_not_work_is_compiled_anew_when_a_retry_is_asked_for(workshop):
    def prepare(handle):
        if handle.answer() != 42:
            raise RuntimeError("a wrong answer")

    built = workshop.library(prepare=prepare)
    other = workshop.folder / "other.cpp"
    other.write_text(SOURCE.replace("NUMBER;", "NUMBER - 1;"))
    target = built._target(built.recipe.command())
    target.parent.mkdir(parents=True)
    subprocess.run(
        ["g++", "-shared", "-fPIC", f"-I{workshop.folder}", "-o", target, other], check=True
    )
    with pytest.raises(BuildError, match="a wrong answer"):
        built.build(retry=False)
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
    def target(**changes):
        changed = workshop.library(**changes)
        return changed._target(changed.recipe.command())

    targets = [target()]
    assert target() == targets[0]
    targets.append(target(command=lambda: [str(workshop.compiler), "-O2"]))
    targets.append(target(command=lambda: [str(workshop.compiler), "-march=native"]))
    monkeypatch.setattr(library, "_cpu_features", lambda: "another CPU")
    targets.append(target(command=lambda: [str(workshop.compiler), "-march=native"]))
    monkeypatch.setattr(library.torch, "__version__", "another torch")
    targets.append(target())
    monkeypatch.setattr(library.torch.version, "cuda", "another CUDA")
    targets.append(target())
    workshop.header.write_text("#define NUMBER 43\n")
    targets.append(target())
    workshop.source.write_text(SOURCE + "\n")
    targets.append(target())
    workshop.before_compiling("true")
    targets.append(target())
    assert len(set(targets)) == len(targets)


def test_native_waits_for_the_compiler(workshop, monkeypatch):
    monkeypatch.setenv("STYLEMASK_OPS", "native")
    assert workshop.library().load().answer() == 42


def test_native_without_a_library_is_an_error_that_names_the_cause(workshop, monkeypatch, caplog):
    monkeypatch.setenv("STYLEMASK_OPS", "native")
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
        ("STYLEMASK_BUILD_TIMEOUT", "soon"),
        ("STYLEMASK_BUILD_TIMEOUT", "0"),
        ("STYLEMASK_BUILD_TIMEOUT", "inf"),
        ("STYLEMASK_BUILD_TIMEOUT", "nan"),
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
        assert library.cache_folder() == cache_folder() / "operators"
