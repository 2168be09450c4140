"""What endpoints take: arguments by name, all of them checked before any work begins.

An argument means the same wherever it occurs, so each name has one check. Which of them an endpoint
takes, in which order and with which defaults, is what its handler's signature says.
"""

import reprlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from difflib import get_close_matches
from functools import partial, wraps
from inspect import Parameter, signature
from types import MethodType
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from demo.server import request_checks
from demo.server.models import Models
from demo.tabs.keep_more import ROLES, seconds_of
from stylemask_core import InvalidInputError
from stylemask_core.checks import check_strength, number_in
from stylemask_core.config import TRUNCATION_RANGE
from stylemask_core.pictures.framing import check_one_way

PICTURES = frozenset({"source", "target", "picture"})

Params = ParamSpec("Params")
Result = TypeVar("Result")


class Arguments:
    """The checks of all arguments.

    Args:
        models: those a call may name.
    """

    def __init__(self, models: Models) -> None:
        self._models = models
        truncation = partial(number_in, limits=TRUNCATION_RANGE)
        self._checks: dict[str, Callable[[Any], Any]] = {
            "truncation": partial(truncation, name="truncation"),
            "inversion_truncation": partial(truncation, name="inversion truncation"),
            "strength": check_strength,
            "refine_seconds": seconds_of,
            "layers": request_checks.layers_of,
            "aligned": partial(request_checks.flag_of, name="aligned"),
            "paste_back": partial(request_checks.flag_of, name="paste_back"),
            "picture": partial(request_checks.picture_of, name="picture"),
            "model": models.check,
        }
        for role in ROLES:
            self._checks |= {
                role: partial(request_checks.picture_of, name=role),
                f"{role}_seed": partial(request_checks.seed_of, role=role),
                f"{role}_face": partial(request_checks.face_of, role=role),
                f"{role}_landmarks": partial(request_checks.landmarks_of, role=role),
            }

    def usable(self, call: Callable[..., Any], values: Mapping[str, Any]) -> dict[str, Any]:
        """Turn values as sent into what a handler takes.

        Args:
            call: the handler.
            values: by the name of the argument.

        Raises:
            InvalidInputError: one of them cannot be used.
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
        return usable

    def check(self, name: str, call: Callable[..., Any], values: Sequence[Any]) -> None:
        """Check a call of an endpoint.

        Args:
            name: of the endpoint.
            call: its handler.
            values: in order, as sent; the last ones may be left out.

        Raises:
            InvalidInputError: they are too few or too many, or one of them cannot be used.
        """
        names = list(signature(call).parameters)
        if len(values) > len(names):
            raise InvalidInputError(
                f"/{name} takes up to {len(names)} values, not {len(values)}: {', '.join(names)}"
            )
        named = dict(zip(names, values, strict=False))
        check_names(name, call, named)
        self.usable(call, named)


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
    """Check what a call of an endpoint names.

    Args:
        endpoint: its name.
        call: its handler.
        names: of the arguments sent.

    Raises:
        InvalidInputError: one of them is unknown, or one that is needed is missing.
    """
    parameters, sent = signature(call).parameters, list(names)
    for name in sent:
        if name not in parameters:
            raise InvalidInputError(
                f"/{endpoint} has no argument {nearest(name, parameters, 'It takes')}"
            )
    for name, parameter in parameters.items():
        if parameter.default is Parameter.empty and name not in sent:
            raise InvalidInputError(
                f"/{endpoint} needs {name}, which is missing: it takes {', '.join(parameters)}"
            )


def nearest(name: str, choices: Iterable[str], there_are: str) -> str:
    """Words on an unknown name: itself, the one that was probably meant, and all there are.

    Args:
        name: as sent.
        choices: the right names.
        there_are: what stands before them.
    """
    choices = list(choices)
    meant = get_close_matches(name[:100], choices, 1)
    question = f": did you mean {meant[0]}?" if meant else "."
    return f"{reprlib.repr(name)}{question} {there_are} {', '.join(choices) or 'none'}"


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
