"""Equality of dataclasses that hold tensors, arrays and pictures."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

import numpy as np
import torch


class ByValue:
    """Base of dataclasses with `eq=False`: equal are those of one class whose fields are.

    The `==` that dataclasses are given asks for the truth of a comparison, which tensors and arrays
    of several values do not have.
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
