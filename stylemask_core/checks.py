"""Checks of what people and programs pass, and equality of what holds arrays.

One idea of what a number is: NumPy's scalars are, True and "1" are not.
"""

import functools
import logging
import re
import reprlib
from collections.abc import Mapping, Sequence
from dataclasses import fields
from numbers import Integral, Real
from typing import Any

import numpy as np
import torch

from stylemask_core.config import MAX_SEED, STRENGTH_RANGE, TRUNCATION_RANGE
from stylemask_core.errors import InvalidInputError, WeightsError

AUTO = "auto"
DEVICE = re.compile(r"cpu|cuda(:(?P<index>\d{1,3}))?", re.ASCII)

logger = logging.getLogger(__name__)


def is_number(value: Any) -> bool:
    """Whether it is a real number: an int, a float or a NumPy scalar, but no bool."""
    return isinstance(value, Real) and not isinstance(value, bool)


def is_whole(value: Any) -> bool:
    """Whether it is a whole number, as 3, 3.0 and NumPy's are."""
    return is_number(value) and (isinstance(value, Integral) or float(value).is_integer())


def number_in(value: Any, name: str, limits: tuple[float, float]) -> float:
    """Return a number as float, or raise InvalidInputError if it is none or beyond its limits."""
    low, high = limits
    if not is_number(value):
        raise InvalidInputError(f"{name} {reprlib.repr(value)} is no number: give {low:g}…{high:g}")
    if not low <= value <= high:  # also true of NaN
        raise InvalidInputError(f"{name} {value} is out of range: give {low:g}…{high:g}")
    return float(value)


def check_seed(seed: Any) -> int:
    """Return a seed 0…2³²−1 as int, or raise InvalidInputError."""
    number = int(seed) if is_whole(seed) else -1
    if not 0 <= number <= MAX_SEED:
        raise InvalidInputError(
            f"seed {reprlib.repr(seed)} is not usable: give a whole number 0…{MAX_SEED}"
        )
    return number


def check_truncation(truncation: Any) -> float:
    """Return a truncation psi 0…1 as float, or raise InvalidInputError."""
    return number_in(truncation, "truncation", TRUNCATION_RANGE)


def check_strength(strength: Any) -> float:
    """Return the strength of a reenactment, 0…1.5, as float, or raise InvalidInputError."""
    return number_in(strength, "strength", STRENGTH_RANGE)


def check_array(values: Any, name: str, shape: tuple[int, ...]) -> torch.Tensor:
    """Return an array, tensor or nested list as a float32 tensor, where it is."""
    try:
        tensor = torch.as_tensor(values)
        if tensor.is_complex():
            raise TypeError("these are complex")
        tensor = tensor.to(torch.float32)
    except (TypeError, ValueError, RuntimeError) as error:
        raise InvalidInputError(f"{name} must be an array of numbers: {error}") from error
    if tuple(tensor.shape) not in (shape, shape[1:]):
        raise InvalidInputError(
            f"{name} has shape {list(tensor.shape)}, this model takes {list(shape)}"
        )
    if not torch.isfinite(tensor).all():
        raise InvalidInputError(f"{name} has values that are not finite")
    return tensor.reshape(shape)


def check_tensors(
    shapes: Mapping[str, Sequence[int]], expected: Mapping[str, Sequence[int]], where: object
) -> None:
    """Make sure that tensors have the names and shapes they are to have, no more and no fewer."""
    if missing := sorted(set(expected) - set(shapes)):
        raise WeightsError(f"{where}: tensor {missing[0]} is missing ({len(missing)} in all)")
    if extra := sorted(set(shapes) - set(expected)):
        raise WeightsError(f"{where}: tensor {extra[0]} is not part of the model ({len(extra)})")
    for name, shape in shapes.items():
        if list(shape) != (right := list(expected[name])):
            raise WeightsError(f"{where}: {name} has shape {list(shape)}, {right} was expected")


def pick_device(device: str | torch.device) -> torch.device:
    """Resolve "auto" (a CUDA GPU that PyTorch can compute on, else the CPU), "cpu", "cuda:N"."""
    if device == AUTO:
        if not torch.cuda.is_available():
            return torch.device("cpu")
        if (problem := gpu_problem()) is None:
            return torch.device("cuda")
        _warn_once(f"the GPU is not used, {problem}: the CPU does its work, more slowly")
        return torch.device("cpu")
    if not (name := DEVICE.fullmatch(str(device))):
        raise InvalidInputError(
            f"device {str(device)!r} is not supported: choose auto, cpu or cuda"
        )
    if str(device) != "cpu" and (problem := gpu_problem(int(name["index"] or 0))):
        raise InvalidInputError(
            f"device {str(device)!r} cannot be used, {problem}: choose auto or cpu"
        )
    return torch.device(device)


def gpu_problem(index: int = 0) -> str | None:
    """Say in a few words why PyTorch cannot compute on a CUDA GPU, or None if it can."""
    if not torch.cuda.is_available():
        if torch.version.cuda is None and torch.version.hip is None:
            return f"PyTorch {torch.__version__} is built for CPUs alone"
        return "PyTorch sees no GPU here"
    if index >= (count := torch.cuda.device_count()):
        return f"the last GPU here is cuda:{count - 1}"
    try:
        torch.ones(1, device=f"cuda:{index}").add_(1)  # only trying tells
    except (RuntimeError, AssertionError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        if "no kernel image" not in reason:
            return reason.rstrip(".")
        major, minor = torch.cuda.get_device_capability(index)
        built = ", ".join(torch.cuda.get_arch_list())
        return (
            f"PyTorch {torch.__version__} is built for {built} and not for it, which is "
            f"sm_{major}{minor}"
        )
    return None


@functools.cache
def _warn_once(message: str) -> None:
    logger.warning("%s", message)


def pick_dtype(dtype: str, device: torch.device) -> torch.dtype:
    """Resolve "auto" (float16 on a GPU, else float32), "float32" or "float16"."""
    known = {"float32": torch.float32, "float16": torch.float16}
    if dtype == "auto":
        return torch.float16 if device.type == "cuda" else torch.float32
    if dtype not in known:
        raise InvalidInputError(f"dtype {dtype!r} is unknown: choose auto, float32 or float16")
    if dtype == "float16" and device.type != "cuda":
        raise InvalidInputError("float16 needs a CUDA GPU: choose dtype float32 or auto")
    return known[dtype]


class ByValue:
    """Base of dataclasses with `eq=False` that hold tensors and arrays: equal if all fields are.

    The `==` that dataclasses are given asks for the truth of a comparison, which those lack.
    """

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        names = [field.name for field in fields(self) if field.compare]  # type: ignore[arg-type]
        return all(_same(getattr(self, name), getattr(other, name)) for name in names)

    def __hash__(self) -> int:
        # what is equal must have one hash, and of tensors only the identity has a cheap one
        return hash(type(self))


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, torch.Tensor) and isinstance(other, torch.Tensor):
        return one.shape == other.shape and torch.equal(one.cpu(), other.cpu())
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        return np.array_equal(one, other)
    if isinstance(one, str) or type(one) is not type(other):
        return bool(one == other)
    if isinstance(one, Sequence):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, Mapping):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    return bool(one == other)
