"""What a visitor sees before the model has done anything: pictures that come along with the page.

`python examples/first_result.py` makes them anew when the embedded model changes.
"""

from pathlib import Path
from typing import NamedTuple

from demo.server.models import Described
from stylemask_core.models.model_folder import EMBEDDED

ASSETS = Path(__file__).parents[1] / "assets"
FIRST_PAIR = (25, 21)  # seeds shown first: heads of clearly different pose and expression


class FirstResult(NamedTuple):
    """Files of source, target and result for `FIRST_PAIR`; None where there are none."""

    source: str | None = None
    target: str | None = None
    result: str | None = None


def first_result(model: Described) -> FirstResult:
    """The shipped pictures of a model: the embedded one has some."""
    files = [ASSETS / f"first_{part}.webp" for part in FirstResult._fields]
    if model.name != EMBEDDED or not all(file.is_file() for file in files):
        return FirstResult()
    return FirstResult(*map(str, files))
