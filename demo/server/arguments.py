"""Arguments of endpoints as they are sent → what handlers take: all checked before work begins.

An argument means the same wherever it occurs, so each name has one check. Which of them an endpoint
takes, in which order and with which defaults, is what its handler's signature says. Gradio's own
checks would answer some bad values with vague messages and others with an internal error.
"""

import math
import reprlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial, wraps
from inspect import Parameter, signature
from types import MethodType
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from demo.server.models import Models
from demo.server.sentences import nearest
from demo.server.uploads import NOT_UPLOADED, check_files, uploaded_file
from stylemask_core import InvalidInputError
from stylemask_core.checks import check_seed, check_strength, is_number, is_whole, number_in
from stylemask_core.config import TRUNCATION_RANGE
from stylemask_core.pictures.framing import check_one_way

ROLES = ("source", "target")
PICTURES = frozenset({*ROLES, "picture"})
REFINE_SECONDS = (0.0, 60.0)  # for one picture
NUMBERS = (8, 136)  # of landmarks: x and y of 4 or of 68 points

Points = tuple[tuple[float, float], ...]
Params = ParamSpec("Params")
Result = TypeVar("Result")


def seed_of(value: Any, role: str) -> int:
    """A usable seed of the source or the target."""
    if value is None:
        raise InvalidInputError(f"give a {role} seed")
    try:
        return check_seed(value)
    except InvalidInputError as error:
        raise InvalidInputError(f"{role} {error}") from error


def layers_of(value: Any) -> list[str] | None:
    """Names of layers and groups; None for all."""
    names = [value] if isinstance(value, str) else value
    if names is not None and not (
        isinstance(names, list) and all(isinstance(name, str) for name in names)
    ):
        raise InvalidInputError('layers must be a list of names, such as ["coarse"]')
    return names


def face_of(value: Any, role: str) -> int:
    """The number of a face, which counts from 1."""
    if not is_whole(value) or value < 1:
        raise InvalidInputError(
            f"{role} face {reprlib.repr(value)} is not usable: give 1 for the largest, 2 for the "
            "next, …"
        )
    return int(value)


def landmarks_of(value: Any, role: str) -> Points | None:
    """Eyes and mouth corners, or 68 landmarks, flat or in pairs; None to have them found."""
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
    for item in flat:
        if not is_number(item) or not math.isfinite(item):
            raise InvalidInputError(
                f"{role} landmark {reprlib.repr(item)} is not usable: give a number"
            )
    numbers = [float(item) for item in flat]
    return tuple(zip(numbers[::2], numbers[1::2], strict=True))


def flag_of(value: Any, name: str) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise InvalidInputError(f"{name} {reprlib.repr(value)} is not usable: give true or false")
    return value


def seconds_of(value: Any) -> float:
    """A usable time for the refinement of a picture, 0 for none."""
    return number_in(value, "refine_seconds", REFINE_SECONDS)


def picture_of(value: Any, name: str) -> dict[str, Any]:
    """A picture as it may be sent: a file of the upload folder, or a link that Gradio follows."""
    if value is None:
        raise InvalidInputError("give a picture" if name == "picture" else f"give a {name} picture")
    try:
        check_files(value)
    except InvalidInputError as error:
        raise InvalidInputError(f"{name}: {error}") from error
    if not isinstance(value, dict) or not isinstance(value.get("path"), str):
        raise InvalidInputError(f"{name}: {NOT_UPLOADED}")
    return value


def path_of(picture: Any, role: str) -> str:
    """The file of a picture that was uploaded."""
    path = picture.get("path") if isinstance(picture, dict) else None
    if not path:
        raise InvalidInputError(f"give a {role} picture")
    return uploaded_file(path)


class Arguments:
    """The checks of all arguments, by name."""

    def __init__(self, models: Models) -> None:
        self._models = models
        self._checks: dict[str, Callable[[Any], Any]] = {
            "truncation": partial(number_in, name="truncation", limits=TRUNCATION_RANGE),
            "inversion_truncation": partial(
                number_in, name="inversion truncation", limits=TRUNCATION_RANGE
            ),
            "strength": check_strength,
            "refine_seconds": seconds_of,
            "layers": layers_of,
            "aligned": partial(flag_of, name="aligned"),
            "paste_back": partial(flag_of, name="paste_back"),
            "model": models.check,
            **{name: partial(picture_of, name=name) for name in PICTURES},
        }
        for role in ROLES:
            self._checks |= {
                f"{role}_seed": partial(seed_of, role=role),
                f"{role}_face": partial(face_of, role=role),
                f"{role}_landmarks": partial(landmarks_of, role=role),
            }

    def usable(
        self, call: Callable[..., Any], values: Mapping[str, Any], links: bool = False
    ) -> dict[str, Any]:
        """Turn values by name into what a handler takes; of pictures the paths of their files.

        Args:
            call: the handler.
            values: as sent, by the name of the argument.
            links: pictures may be links, which Gradio will follow, and stay as they are.
        """
        parameters = signature(call).parameters
        usable = {
            name: value
            if value is None and parameters[name].default is None
            else self._checks[name](value)
            for name, value in values.items()
        }
        _check_faces(parameters, usable)
        space = self._models.known_space(usable.get("model"))
        if space is not None and "layers" in usable:
            space.select(usable["layers"])
        if not links:
            for name in PICTURES & usable.keys():
                if (picture := usable[name]) is not None:
                    usable[name] = uploaded_file(picture["path"])
        return usable

    def check(self, name: str, call: Callable[..., Any], values: Sequence[Any]) -> None:
        """Check a call of an endpoint: its values in order, the last of which may be left out."""
        names = list(signature(call).parameters)
        if len(values) > len(names):
            raise InvalidInputError(
                f"/{name} takes up to {len(names)} values, not {len(values)}: {', '.join(names)}"
            )
        named = dict(zip(names, values, strict=False))
        check_names(name, call, named)
        self.usable(call, named, links=True)


def _check_faces(names: Iterable[str], usable: Mapping[str, Any]) -> None:
    """Check that each role has its face, and that it is chosen in one way."""
    for role in ROLES:
        if usable.get(role) is not None:
            try:
                check_one_way(
                    usable.get(f"{role}_face", 1) > 1,
                    usable.get(f"{role}_landmarks") is not None,
                    usable.get("aligned", False),
                )
            except InvalidInputError as error:
                raise InvalidInputError(f"{role} picture: {error}") from error
        elif {role, f"{role}_seed"} <= set(names) and usable.get(f"{role}_seed") is None:
            raise InvalidInputError(f"give a {role} seed or a {role} picture")


def check_names(endpoint: str, call: Callable[..., Any], names: Iterable[str]) -> None:
    """Check that a call of an endpoint names what it takes, and all that it needs."""
    parameters, names = signature(call).parameters, list(names)
    for name in names:
        if name not in parameters:
            raise InvalidInputError(
                f"/{endpoint} has no argument {nearest(name, parameters, 'It takes')}"
            )
    for name, parameter in parameters.items():
        if parameter.default is Parameter.empty and name not in names:
            raise InvalidInputError(
                f"/{endpoint} needs {name}, which is missing: it takes {', '.join(parameters)}"
            )


class _HasArguments(Protocol):
    arguments: Arguments


Owner = TypeVar("Owner", bound=_HasArguments)


def checked(
    call: Callable[Concatenate[Owner, Params], Result],
) -> Callable[Concatenate[Owner, Params], Result]:
    """Check all arguments of a handler before it begins; what it gets can be used."""

    @wraps(call)
    def wrapper(owner: Owner, /, *args: Params.args, **kwargs: Params.kwargs) -> Result:
        method: Callable[..., Result] = MethodType(call, owner)
        bound = signature(method).bind(*args, **kwargs)
        bound.apply_defaults()
        return method(**owner.arguments.usable(method, bound.arguments))

    return wrapper
