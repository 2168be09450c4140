"""`serve`: many clients at once on a real server, through its HTTP API on loopback.

Every client asks for one random pair after the other, no two alike, as a program without a library
would: start the call, read its events. The server is a process of its own, ended when the last
answer is there or the time is up. Without --model it serves the embedded model, as the demo does.
"""

import importlib.util
import itertools
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
from stylemask_core.models.model_folder import EMBEDDED, EMBEDDED_FOLDER

START_LIMIT, RUN_LIMIT, STOP_LIMIT = 120, 1800, 40  # [s]
REQUEST_LIMIT = 120  # [s]
POLL = 0.2  # [s]
WARM_UPS = 20
SETTLED = 4  # memory is compared with what it was after this part of the requests: 500 of 2000


def run(settings: Settings) -> Figures:
    """Measure.

    Raises:
        BenchmarkError: Gradio is missing, or the server does not start.
    """
    for package in ("gradio", "httpx"):
        if importlib.util.find_spec(package) is None:
            raise BenchmarkError(f"serve needs {package}: pip install -e '.[demo]'")
    with server(settings) as (url, process):
        _warm_up(url)
        note(f"serve: {settings.requests} requests by {settings.clients} clients")
        load = Load(url, process.pid, settings.clients, settings.requests)
        load.run()
    figures = {
        "requests_per_second": Figure(len(load.latencies) / load.seconds, "1/s"),
        "errors": Figure(settings.requests - len(load.latencies), "requests"),
        # there is none on a system that does not tell what a process takes
        "memory_growth": Figure(load.memory[-1] / (load.memory[0] or 1.0) - 1.0, "share"),
    }
    if load.latencies:
        p50, p95 = np.percentile(load.latencies, [50, 95]) * 1e3
        figures = {"p50_ms": Figure(p50, "ms"), "p95_ms": Figure(p95, "ms")} | figures
    return figures


class Load:
    """Clients that share a number of requests among them.

    Args:
        url: of the server.
        pid: of its process.
        clients: at once.
        requests: of all together.
    """

    def __init__(self, url: str, pid: int, clients: int, requests: int) -> None:
        self._url, self._pid, self._requests = url, pid, requests
        self._numbers = itertools.count()
        self._threads = [
            threading.Thread(target=self._ask, args=(k,), daemon=True)
            for k in range(min(clients, requests))
        ]
        self._end = time.monotonic() + RUN_LIMIT
        self.latencies: list[float] = []  # [s] of the requests that were answered
        self.seconds = 0.0  # they took together
        self.memory: list[float] = []  # [MB] when things had settled, and in the end

    def run(self) -> None:
        """Have all requests made, or as many as the time allows."""
        start = time.monotonic()
        for thread in self._threads:
            thread.start()
        for thread in self._threads:
            thread.join(max(0.0, self._end - time.monotonic()))
        self.seconds = time.monotonic() - start
        self.memory.append(_resident(self._pid))

    def _ask(self, client: int) -> None:
        with _client(self._url) as connection:
            while (number := next(self._numbers)) < self._requests:
                if time.monotonic() > self._end:
                    return
                if number == self._requests // SETTLED:
                    self.memory.append(_resident(self._pid))
                start = time.perf_counter()
                try:
                    _request(connection, WARM_UPS + number)
                except Exception as error:  # whatever it was, the answer did not come
                    note(f"client {client}: {error}")
                else:
                    self.latencies.append(time.perf_counter() - start)


def _warm_up(url: str) -> None:
    end = time.monotonic() + START_LIMIT
    with _client(url) as connection:
        for number in range(WARM_UPS):
            while True:
                try:
                    _request(connection, number)
                    break
                except BenchmarkError as error:  # the model is still being loaded
                    if time.monotonic() > end:
                        raise BenchmarkError(f"the server makes no picture: {error}") from error
                    time.sleep(POLL)


def _client(url: str) -> Any:
    import httpx

    return httpx.Client(base_url=f"{url}/gradio_api/call/", timeout=REQUEST_LIMIT, trust_env=False)


def _request(connection: Any, number: int) -> None:
    """Ask for a pair of heads and wait for the pictures.

    Raises:
        BenchmarkError: the server answers with an error.
    """
    started = connection.post("mix", json={"data": [2 * number, 2 * number + 1]})
    answer = connection.get(f"mix/{started.raise_for_status().json()['event_id']}").text
    if "event: complete" not in answer:
        raise BenchmarkError(" ".join(answer.split()))


def _resident(pid: int) -> float:
    """Memory of a process that lies in RAM [MB]; 0 where the system does not tell."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    return int(status.split("VmRSS:")[1].split()[0]) * 1024 / 1e6


@contextmanager
def server(settings: Settings) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """A server of the page on a free port: its address and its process."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = clean_environment(settings.threads)
    model = (
        EMBEDDED
        if settings.model.resolve() == EMBEDDED_FOLDER.resolve()
        else str(settings.model.resolve())
    )
    command = [sys.executable, str(ROOT / "app.py"), "--model", model]
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
