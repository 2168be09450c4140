"""`serve`: many clients at once on a real server, through its HTTP API on loopback.

Every client asks for one random pair after the other, no two alike. The server is a process of its
own, ended when the last answer is there or the time is up.
"""

import importlib.util
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.measure import Figures, Settings, note
from benchmarks.process import ROOT, BenchmarkError, clean_environment
from benchmarks.report import Figure

START_LIMIT, RUN_LIMIT, STOP_LIMIT = 120, 900, 15  # [s]
POLL = 0.2  # [s]
WARM_UPS = 2


def run(settings: Settings) -> Figures:
    """Measure.

    Raises:
        BenchmarkError: Gradio is missing, or the server does not start.
    """
    for package in ("gradio", "gradio_client"):
        if importlib.util.find_spec(package) is None:
            raise BenchmarkError(f"serve needs {package}: pip install -e '.[demo]'")
    with _server(settings) as (url, process):
        client = _client(url)
        for seed in range(WARM_UPS):
            _request(client, seed)
        before = _resident(process.pid)
        note(f"serve: {settings.clients} clients, {settings.requests} requests each")
        latencies, errors = _load_of_clients(settings, url)
        growth = _resident(process.pid) - before
    figures = {"errors": Figure(errors, "requests"), "memory_growth": Figure(growth, "MB")}
    if latencies:
        p50, p95 = np.percentile(latencies, [50, 95]) * 1e3
        figures = {"p50_ms": Figure(p50, "ms"), "p95_ms": Figure(p95, "ms")} | figures
    return figures


def _load_of_clients(settings: Settings, url: str) -> tuple[list[float], int]:
    """Latencies [s] of the requests that were answered, and the number of the others."""
    latencies: list[float] = []
    end = time.monotonic() + RUN_LIMIT

    def work(index: int) -> None:
        client = _client(url)
        for number in range(settings.requests):
            if time.monotonic() > end:
                return
            start = time.perf_counter()
            try:
                _request(client, WARM_UPS + index * settings.requests + number)
            except Exception as error:  # whatever it was, the answer did not come
                note(f"client {index}: {error}")
            else:
                latencies.append(time.perf_counter() - start)

    threads = [
        threading.Thread(target=work, args=(index,), daemon=True)
        for index in range(settings.clients)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()))
    answered = list(latencies)
    return answered, settings.clients * settings.requests - len(answered)


def _client(url: str) -> Any:
    from gradio_client import Client

    return Client(url, verbose=False, download_files=False)


def _request(client: Any, number: int) -> None:
    client.predict(source_seed=2 * number, target_seed=2 * number + 1, api_name="/mix")


def _resident(pid: int) -> float:
    """Memory of a process that lies in RAM [MB]; 0 where the system does not tell."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    return int(status.split("VmRSS:")[1].split()[0]) * 1024 / 1e6


@contextmanager
def _server(settings: Settings) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """A server of the page on a free port: its address and its process."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = clean_environment(settings.threads) | {"NO_PROXY": "localhost,127.0.0.1"}
    environment["no_proxy"] = environment["NO_PROXY"]
    for name in ("NO_PROXY", "no_proxy"):  # of the clients, which live in this process
        os.environ[name] = environment[name]
    command = [sys.executable, str(ROOT / "app.py"), "--model", str(settings.model.resolve())]
    command += ["--device", settings.device, "--port", str(port)]
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(
            command, env=environment, stdout=output, stderr=output, cwd=ROOT, start_new_session=True
        )
        try:
            _wait_until_up(process, port, output)
            yield f"http://127.0.0.1:{port}", process
        finally:
            _stop(process)


def _wait_until_up(process: subprocess.Popen[bytes], port: int, output: Any) -> None:
    end = time.monotonic() + START_LIMIT
    while time.monotonic() < end and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(POLL)
    output.seek(0)
    lines = output.read().split("\n")
    raise BenchmarkError(f"the server did not start: {' '.join(lines[-3:]).strip()}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_LIMIT)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)  # its session is its own
        process.wait()
