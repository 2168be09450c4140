"""How many threads are used: the CPUs there are, and what people decided."""

import contextlib
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import torch

from benchmarks.control_group import control_group
from benchmarks.models import FFHQ
from benchmarks.process import BenchmarkError
from stylemask_core import threads
from stylemask_core.config import ModelConfig
from stylemask_core.models.model_folder import EMBEDDED_FOLDER
from stylemask_core.networks.synthesis import SynthesisNetwork
from tests.support.helpers import ROOT

MOUNT = "32 31 0:29 {top} /sys/fs/cgroup{point} rw,relatime - {kind} cgroup rw,{controllers}\n"


UNIFIED = MOUNT.format(top="/", point="", kind="cgroup2", controllers="nsdelegate")
FIRST = MOUNT.format(top="/", point="/cpu,cpuacct", kind="cgroup", controllers="cpu,cpuacct")
DOCKER = MOUNT.format(top="/docker/1", point="/cpu", kind="cgroup", controllers="cpu")
MEMORY = MOUNT.format(top="/", point="/memory", kind="cgroup", controllers="memory")
QUOTA, PERIOD = "cpu.cfs_quota_us", "cpu.cfs_period_us"


@pytest.mark.parametrize(
    ("group", "mount", "files", "quota"),
    [
        ("0::/", UNIFIED, {"cpu.max": "150000 100000"}, 1.5),
        ("0::/", UNIFIED, {"cpu.max": "max 100000"}, None),
        ("0::/", UNIFIED, {}, None),
        ("", "", {}, None),
        # the least of a group's own quota and of those around it
        ("0::/a/b", UNIFIED, {"a/cpu.max": "50000 100000", "a/b/cpu.max": "max 100000"}, 0.5),
        ("0::/a/b", UNIFIED, {"a/cpu.max": "400000 100000", "a/b/cpu.max": "300000 100000"}, 3),
        (
            "5:memory:/x\n4:cpu,cpuacct:/a",
            MEMORY + FIRST,
            {
                **{f"cpu,cpuacct/a/{QUOTA}": "200000", f"cpu,cpuacct/a/{PERIOD}": "100000"},
                **{f"cpu,cpuacct/{QUOTA}": "-1", f"cpu,cpuacct/{PERIOD}": "100000"},
            },
            2,
        ),
        # in a container that sees its own group alone, under the name it has outside
        ("4:cpu:/docker/1", DOCKER, {f"cpu/{QUOTA}": "50000", f"cpu/{PERIOD}": "50000"}, 1),
        ("4:cpuset:/", FIRST, {f"cpu,cpuacct/{QUOTA}": "1"}, None),
    ],
)
def test_a_cpu_quota_is_read_from_control_groups_of_both_versions(
    tmp_path, group, mount, files, quota
):
    root = {f"sys/fs/cgroup/{name}": content for name, content in files.items()}
    root |= {"proc/self/cgroup": group, "proc/self/mountinfo": mount}
    for name, content in root.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    cpus = len(os.sched_getaffinity(0))
    assert threads.cpu_quota(tmp_path) == quota
    assert threads.cpu_limit(tmp_path) == (cpus if quota is None else min(cpus, -(-quota // 1)))


def python(code: str, group: Path | None = None, **environment: str) -> dict:
    """Run a script in a new process; what it prints as JSON."""
    clean = {
        k: v for k, v in os.environ.items() if k not in (*threads.VARIABLES, "OMP_WAIT_POLICY")
    }
    join = f"open({str(group / 'cgroup.procs')!r}, 'w').write(str(os.getpid()))" if group else ""
    code = f"import json, os\n{join}\n{code}"
    run = {"cwd": ROOT, "capture_output": True, "text": True, "check": True}
    answer = subprocess.run([sys.executable, "-c", code], env={**clean, **environment}, **run)
    return json.loads(answer.stdout)


NUMBERS = """
import stylemask_core, torch
from stylemask_core import threads
print(json.dumps([torch.get_num_threads(), os.environ["OMP_WAIT_POLICY"]]))
"""


@pytest.fixture(scope="module")
def one_cpu():
    """A control group that may use one CPU."""
    with contextlib.ExitStack() as stack:
        try:
            group = stack.enter_context(control_group(cpus=1))
        except BenchmarkError as error:
            pytest.skip(str(error))
        yield group


def test_under_a_quota_of_one_cpu_one_thread_computes(one_cpu):
    assert python(NUMBERS, one_cpu) == [1, "PASSIVE"]
    assert python(NUMBERS, one_cpu, OMP_NUM_THREADS="2") == [2, "PASSIVE"]
    assert python(NUMBERS, one_cpu, OMP_WAIT_POLICY="ACTIVE") == [1, "ACTIVE"]


@pytest.fixture
def two_threads(monkeypatch):
    """A process that PyTorch would give two threads, where nobody decided otherwise."""
    before = torch.get_num_threads()
    for name in threads.VARIABLES:
        monkeypatch.delenv(name, raising=False)
    torch.set_num_threads(2)
    monkeypatch.setattr(threads, "DEFAULT", 2)
    monkeypatch.setattr(threads, "SPINNING", False)  # these tests may have torch from elsewhere
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("two_threads")
def test_a_small_model_computes_on_one_thread_and_leaves_the_number_as_it_was():
    assert threads.needed(ModelConfig.load(EMBEDDED_FOLDER)) == 1
    assert threads.needed(FFHQ) == 2
    for outer, inner in ((1, 1), (2, 1)):
        with threads.limited(outer):
            with threads.limited(inner):
                assert torch.get_num_threads() == inner
            assert torch.get_num_threads() == outer
        assert torch.get_num_threads() == 2


@pytest.mark.usefixtures("two_threads")
def test_a_pipeline_computes_on_its_models_number_of_threads(tiny_pipeline, monkeypatch):
    numbers, call = [], SynthesisNetwork.__call__

    def synthesis(*arguments):
        numbers.append(torch.get_num_threads())
        return call(*arguments)

    monkeypatch.setattr(SynthesisNetwork, "__call__", synthesis)
    code = tiny_pipeline.sample(1)
    tiny_pipeline.synthesize(code)
    tiny_pipeline.reenact(code, code)
    assert numbers == [1, 1]
    assert torch.get_num_threads() == 2


@pytest.mark.usefixtures("two_threads")
def test_a_number_that_somebody_chose_is_left_alone(monkeypatch):
    for chosen, asked in ((3, 1), (1, 2)):
        torch.set_num_threads(chosen)
        with threads.limited(asked):
            assert torch.get_num_threads() == chosen
    torch.set_num_threads(2)
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    with threads.limited(1):
        assert torch.get_num_threads() == 2


@pytest.mark.usefixtures("two_threads")
def test_a_thread_that_begins_beside_a_small_model_is_not_left_with_one():
    numbers = []

    def large():
        with threads.limited(2):
            numbers.append(torch.get_num_threads())

    with threads.limited(1):
        thread = threading.Thread(target=large)
        thread.start()
        thread.join()
    assert numbers == [2]


LATE = """
import torch, stylemask_core
from stylemask_core import threads
print(json.dumps(threads.SPINNING))
"""


def test_where_torch_was_imported_first_it_is_known_that_threads_spin(tmp_path):
    assert python(LATE) is True
    assert python(LATE, OMP_WAIT_POLICY="PASSIVE") is False
    assert python(LATE.replace("torch, stylemask_core", "stylemask_core, torch")) is False


def test_threads_that_spin_are_as_many_as_others_leave_cpus_for(tmp_path, monkeypatch):
    monkeypatch.setattr(threads, "OTHERS", threads.Others(tmp_path))
    assert threads.left(2) == min(2, os.cpu_count())  # the system does not tell
    tick, stat = os.sysconf("SC_CLK_TCK"), tmp_path / "proc/stat"
    stat.parent.mkdir()
    now = 100.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    monkeypatch.setattr("time.process_time", lambda: 0.5 * (now - 100))  # half a CPU is our own
    monkeypatch.setattr("os.cpu_count", lambda: 4)
    stat.write_text("cpu  0 0 0 0 0 0 0 0 0 0\ncpu0 1 1 1 1\n")
    user = 0.0
    monkeypatch.setattr(threads, "OTHERS", threads.Others(tmp_path))
    for seconds, busy, expected in ((1, 0.5, 4), (1, 2.5, 2), (0.01, 0.0, 2), (1, 4.5, 1)):
        now, user = now + seconds, user + busy * seconds
        stat.write_text(f"cpu  {user * tick:.0f} 0 0 {tick * 9:.0f} 7 0 0 0 0 0\ncpu0 1 1 1 1\n")
        assert threads.left(4) == expected
    assert threads.left(1) == 1
