"""Checks of what people and programs pass: seeds, truncation, devices."""

from typing import Any

import numpy as np
import torch

from stylemask_core.config import MAX_SEED, TRUNCATION_RANGE
from stylemask_core.errors import InvalidInputError


def check_seed(seed: Any) -> int:
    """Return the seed as int.

    Raises:
        InvalidInputError: it is no whole number in 0…2³²−1.
    """
    whole = isinstance(seed, int | np.integer) or (isinstance(seed, float) and seed.is_integer())
    if isinstance(seed, bool) or not whole or not 0 <= seed <= MAX_SEED:
        raise InvalidInputError(f"seed {seed!r} is not usable: give a whole number 0…{MAX_SEED}")
    return int(seed)


def check_truncation(truncation: Any) -> float:
    """Return the truncation psi as float.

    Raises:
        InvalidInputError: it is no number in 0…1.
    """
    low, high = TRUNCATION_RANGE
    number = isinstance(truncation, int | float | np.number) and not isinstance(truncation, bool)
    if not number or not low <= truncation <= high:
        raise InvalidInputError(f"truncation {truncation} is out of range: give {low:g}…{high:g}")
    return float(truncation)


def pick_device(device: str) -> torch.device:
    """Resolve a device name.

    Args:
        device: "auto", "cpu", "cuda" or "cuda:N".

    Raises:
        InvalidInputError: unknown, or not on this machine.
    """
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        chosen = torch.device(device)
        torch.empty(0, device=chosen)
    except (RuntimeError, AssertionError, ValueError) as error:
        raise InvalidInputError(f"device {device!r} cannot be used: {error}") from error
    if chosen.type not in ("cpu", "cuda"):
        raise InvalidInputError(f"device {device!r} is not supported: choose cpu or cuda")
    return chosen


def pick_dtype(dtype: str, device: torch.device) -> torch.dtype:
    """Resolve the name of a floating point type.

    Args:
        dtype: "auto" (float16 on a GPU, else float32), "float32" or "float16".
        device: where it is to be used.

    Raises:
        InvalidInputError: unknown, or float16 on a CPU, which would be slower.
    """
    known = {"float32": torch.float32, "float16": torch.float16}
    if dtype == "auto":
        return torch.float16 if device.type == "cuda" else torch.float32
    if dtype not in known:
        raise InvalidInputError(f"dtype {dtype!r} is unknown: choose auto, float32 or float16")
    if dtype == "float16" and device.type != "cuda":
        raise InvalidInputError("float16 needs a CUDA GPU: choose dtype float32 or auto")
    return known[dtype]
