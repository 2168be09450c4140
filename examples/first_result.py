"""Make the pictures that the page shows before its model is loaded: demo/assets/first_*.webp.

To be run anew after every training; a test compares them with what the model computes.
"""

from PIL import Image

from demo.handlers import Handlers
from demo.server.models import Models
from demo.tabs.shipped import FIRST_PAIR, FirstResult
from demo.texts import ASSETS


def main() -> None:
    """Write what /mix answers for the first pair, with its marking, as lossless WebP."""
    files = Handlers(Models(["embedded"], device="cpu")).mix(*FIRST_PAIR)
    ASSETS.mkdir(exist_ok=True)
    for part, file in zip(FirstResult._fields, files, strict=True):
        with Image.open(file) as picture:
            path = ASSETS / f"first_{part}.webp"
            marking = {"xmp": picture.info["xmp"]} if "xmp" in picture.info else {}
            picture.save(path, lossless=True, method=6, **marking)
            print(f"{path}: {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
