"""`page`: how long a visitor waits for the first result, in a browser that knows nothing yet.

The time runs from the navigation to the frame in which source, target and result are drawn. The
server is a process of its own; `up_s` is how long that takes until it listens. Needs Chromium and
playwright.
"""

import importlib.util
import shutil
import statistics
import time

from benchmarks.measure import Figures, Settings, note
from benchmarks.process import BenchmarkError
from benchmarks.report import Figure
from benchmarks.serve import server

WAIT = 60_000  # [ms]
WINDOW = {"width": 1280, "height": 900}
DRAWN = """() => {
    const images = ["source", "target", "result"].map(
        (role) => document.querySelector(`#mix-${role} img`));
    if (!images.every((image) => image?.complete && image.naturalWidth)) return null;
    return performance.now() / 1000;
}"""


def run(settings: Settings) -> Figures:
    """Measure.

    Raises:
        BenchmarkError: playwright or Chromium is missing, or the server does not start.
    """
    for package in ("gradio", "playwright"):
        if importlib.util.find_spec(package) is None:
            raise BenchmarkError(f"page needs {package}: pip install -r requirements-dev.txt")
    start = time.perf_counter()
    with server(settings) as (url, _):
        up = time.perf_counter() - start
        note(f"page: {settings.runs} visits")
        waits = _visits(url, settings.runs)
    return {
        "first_result_s": Figure(statistics.median(waits), "s"),
        "first_result_worst_s": Figure(max(waits), "s"),
        "up_s": Figure(up, "s"),
    }


def _visits(url: str, count: int) -> list[float]:
    """Time from navigation to the first result [s], each time with an empty cache."""
    from playwright.sync_api import sync_playwright

    waits = []
    with sync_playwright() as playwright:
        path = shutil.which("chromium") or playwright.chromium.executable_path
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        for _ in range(count):
            context = browser.new_context(viewport=WINDOW)
            page = context.new_page()
            page.goto(url, wait_until="commit", timeout=WAIT)
            drawn = page.wait_for_function(DRAWN, timeout=WAIT, polling="raf")
            waits.append(float(drawn.json_value()))
            context.close()
        browser.close()
    return waits
