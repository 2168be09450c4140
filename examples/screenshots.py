"""Take pictures of the page's tabs: `python examples/screenshots.py [FOLDER] [--all]`.

Without --all those of the README: docs/page_mix.webp, page_reenact.webp, page_phone.webp. With it
every tab on a phone and a desktop, light and dark, for a look at the whole. Needs Chromium.
"""

import argparse
import os
import shutil
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

from demo.page import build_demo, launch_options
from demo.server.models import Models
from demo.texts import WORDS

SIZES = {"phone": {"width": 390, "height": 844}, "desktop": {"width": 1280, "height": 900}}
TABS = ("mix", "reenact", "inspect", "verify", "about")
LOADED = {
    "mix": "#mix-result img",
    "reenact": "#reenact-result img",
    "inspect": "#inspect-effects img",
}
QUALITY = 88  # of the README's pictures
WAIT = 60_000  # [ms]


def shoot(page: Page, tab: str, path: Path, whole: bool) -> None:
    """Open a tab and write its picture."""
    language = page.evaluate("document.documentElement.lang")[:2]
    page.get_by_role("tab", name=WORDS[language][f"page.tab_{tab}"], exact=True).click()
    if tab in LOADED:
        page.wait_for_selector(LOADED[tab], timeout=WAIT, state="attached")
    page.wait_for_timeout(1500)
    page.screenshot(path=path, full_page=whole)


def main() -> None:
    """Serve the embedded model and photograph it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=Path("docs"))
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--language", default="en-US")
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch, sync_playwright() as playwright:
        os.environ["GRADIO_TEMP_DIR"] = scratch
        demo = build_demo(Models(["embedded"], device="cpu"))
        demo.launch(prevent_thread_lock=True, quiet=True, **launch_options())
        chromium = shutil.which("chromium") or playwright.chromium.executable_path
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])

        def opened(size: str, scheme: str) -> Page:
            page = browser.new_page(
                viewport=SIZES[size], color_scheme=scheme, has_touch=size == "phone",
                locale=args.language, device_scale_factor=1, reduced_motion="reduce",
            )  # fmt: skip
            page.goto(demo.local_url)
            page.wait_for_selector(LOADED["mix"], timeout=WAIT)
            return page

        if args.all:
            for size in SIZES:
                for scheme in ("light", "dark"):
                    page = opened(size, scheme)
                    for tab in TABS:
                        shoot(page, tab, args.folder / f"{tab}_{size}_{scheme}.png", True)
                    page.close()
        else:
            for name, tab, size, scheme in (
                ("mix", "mix", "desktop", "light"),
                ("reenact", "reenact", "desktop", "dark"),
                ("phone", "mix", "phone", "light"),
            ):
                page = opened(size, scheme)
                path = args.folder / f"page_{name}.png"
                shoot(page, tab, path, False)
                page.close()
                with Image.open(path) as picture:
                    picture.save(path.with_suffix(".webp"), quality=QUALITY, method=6)
                path.unlink()
        browser.close()
        demo.close(verbose=False)


if __name__ == "__main__":
    main()
