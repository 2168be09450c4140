"""Values as they come from Gradio → values the pipeline takes; errors → one line for the user.

Events run with `preprocess=False`: Gradio's own checks would answer some bad values with vague
messages and others with an internal error, so all checking happens here and in the core.
"""

import logging
import math
import reprlib
from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import gradio as gr

from demo.server.uploads import NOT_UPLOADED, check_files, uploaded_file
from stylemask_core import InvalidInputError, StyleMaskError
from stylemask_core.checks import check_seed

LONGEST_LINE = 300  # characters of an error; messages may quote what was sent
NOT_FETCHED = (
    "no picture could be fetched from the link: only public addresses are followed; or upload it"
)
NUMBERS = (8, 136)  # of landmarks: x and y of 4 or of 68 points

logger = logging.getLogger(__name__)
Points = tuple[tuple[float, float], ...]
Params = ParamSpec("Params")
Result = TypeVar("Result")


def one_line(error: Exception) -> str:
    """The message of an error as a short sentence in one line."""
    line = " ".join(str(error).split()) or type(error).__name__
    line = (line[:1].upper() + line[1:]).encode(errors="replace").decode()  # surrogates
    return line if len(line) <= LONGEST_LINE else line[: LONGEST_LINE - 1] + "…"


def warn(error: StyleMaskError) -> None:
    """Show an error of an event that goes on, to clear what the error leaves without meaning."""
    gr.Warning(one_line(error))


def guarded(call: Callable[Params, Result]) -> Callable[Params, Result]:
    """Show foreseen errors as they are; log the others and show one line."""

    @wraps(call)
    def wrapper(*args: Params.args, **kwargs: Params.kwargs) -> Result:
        try:
            return call(*args, **kwargs)
        except gr.Error:  # of a guarded call within
            raise
        except StyleMaskError as error:
            raise gr.Error(one_line(error), print_exception=False) from error
        except Exception as error:
            logger.exception("%s failed", call.__name__)
            raise gr.Error(
                "Something went wrong on the server; its log has the details.",
                print_exception=False,
            ) from error

    return wrapper


def seed_of(value: Any, role: str) -> int:
    """A usable seed.

    Args:
        value: as sent.
        role: "source" or "target".

    Raises:
        InvalidInputError: it is missing, or no whole number in 0…2³²−1.
    """
    if value is None:
        raise InvalidInputError(f"give a {role} seed")
    try:
        return check_seed(value)
    except InvalidInputError as error:
        raise InvalidInputError(f"{role} {error}") from error


def number(value: Any, name: str) -> float:
    """A finite number.

    Raises:
        InvalidInputError: it is none.
    """
    real = isinstance(value, int | float) and not isinstance(value, bool)
    if not real or not math.isfinite(value):
        raise InvalidInputError(f"{name} {reprlib.repr(value)} is not usable: give a number")
    return float(value)


def layers_of(value: Any) -> list[str] | None:
    """Names of layers and groups; None for all.

    Raises:
        InvalidInputError: it is no list of names.
    """
    names = [value] if isinstance(value, str) else value
    if names is not None and not (
        isinstance(names, list) and all(isinstance(name, str) for name in names)
    ):
        raise InvalidInputError('layers must be a list of names, such as ["coarse"]')
    return names


def face_of(value: Any, role: str) -> int:
    """The number of a face, which counts from 1.

    Raises:
        InvalidInputError: it is no whole number from 1 on.
    """
    whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
    if isinstance(value, bool) or not whole or value < 1:
        raise InvalidInputError(
            f"{role} face {reprlib.repr(value)} is not usable: give 1 for the largest, 2 for the "
            "next, …"
        )
    return int(value)


def landmarks_of(value: Any, role: str) -> Points | None:
    """Eyes and mouth corners, or None to have them found.

    Args:
        value: 8 numbers (x and y of both eyes and both mouth corners), 136 numbers (68 landmarks),
            the same in pairs, or None.
        role: "source" or "target".

    Raises:
        InvalidInputError: it is something else.
    """
    if value is None:
        return None
    flat: list[Any] = []
    for item in value[: NUMBERS[-1] + 1] if isinstance(value, list) else [value]:
        flat += item if isinstance(item, list) else [item]
    if len(flat) not in NUMBERS:
        raise InvalidInputError(
            f"{role} landmarks must be 8 numbers (x and y of both eyes and both mouth corners) or "
            "136 (68 landmarks), in a list"
        )
    numbers = [number(item, f"{role} landmark") for item in flat]
    return tuple(zip(numbers[::2], numbers[1::2], strict=True))


def flag_of(value: Any, name: str) -> bool:
    """True or false.

    Raises:
        InvalidInputError: it is neither.
    """
    if not isinstance(value, bool):
        raise InvalidInputError(f"{name} {reprlib.repr(value)} is not usable: give true or false")
    return value


def picture_of(value: Any, name: str) -> dict[str, Any]:
    """A picture as it is sent: a file that was uploaded, or a link.

    Args:
        value: as sent.
        name: "source", "target" or "picture".

    Raises:
        InvalidInputError: there is none, or it is something else.
    """
    if value is None:
        raise InvalidInputError("give a picture" if name == "picture" else f"give a {name} picture")
    try:
        check_files(value)
    except InvalidInputError as error:
        raise InvalidInputError(f"{name}: {error}") from error
    if not isinstance(value, dict) or not isinstance(value.get("path"), str):
        raise InvalidInputError(f"{name}: {NOT_UPLOADED}")
    return value


def is_link(picture: Any) -> bool:
    """Whether a picture is sent as a link, which Gradio follows."""
    path = picture.get("path") if isinstance(picture, dict) else None
    return isinstance(path, str) and path.startswith(("http://", "https://"))


def path_of(picture: Any, role: str) -> str:
    """The file of a picture that was uploaded.

    Raises:
        InvalidInputError: there is none, or it was not uploaded.
    """
    path = picture.get("path") if isinstance(picture, dict) else None
    if not path:
        raise InvalidInputError(f"give a {role} picture")
    return uploaded_file(path)
