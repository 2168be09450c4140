"""Reads arrays out of pickles without running anything in them.

Only arrays come out: of numpy and torch, scipy's sparse matrices, and chumpy's arrays, which need
no chumpy: what each holds is kept and becomes a plain array. Every other global is refused by name.
"""

import io
import pickle
from collections import OrderedDict
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

import numpy as np
import torch
from numpy.lib import format as npy

from stylemask_core.errors import WeightsError
from stylemask_core.pictures import file_kinds


class Holder:
    """Stands in for an object of a pickle: keeps its state, computes nothing."""

    state: Any = None

    def __setstate__(self, state: Any) -> None:
        self.state = state


class ChumpyArray(Holder):
    """An array of chumpy's, or one it would compute."""


class SparseMatrix(Holder):
    """A scipy.sparse matrix: by columns, or the coordinates of its values."""


class SparseRows(SparseMatrix):
    """One by rows."""


def as_array(value: Any) -> np.ndarray:
    """The plain array that a value of a pickle stands for.

    Raises:
        ValueError: it stands for none.
    """
    if isinstance(value, torch.Tensor):
        return value.numpy()
    if isinstance(value, SparseMatrix):
        return _dense(value.state, by_row=isinstance(value, SparseRows))
    if isinstance(value, ChumpyArray):
        return _chumpy(value.state)
    array = np.asarray(value)
    if array.dtype.kind not in "biuf":
        raise ValueError(f"no array of numbers but {type(value).__name__}")
    return array


def read_pickle(path: Path) -> Any:
    """Read a pickle file.

    Raises:
        WeightsError: it cannot be read, is damaged, or holds more than arrays.
    """
    return _read(path, lambda file: _Unpickler(file, path).load())


def read_object_array(path: Path) -> Any:
    """Read the object in a .npy file that holds one pickled object.

    Raises:
        WeightsError: it cannot be read, is damaged, or holds more than arrays.
    """

    def load(file: BinaryIO) -> Any:
        version = npy.read_magic(file)
        reader = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, _, dtype = reader(file)
        if shape != () or not dtype.hasobject:
            raise ValueError("it holds no dictionary")
        return _Unpickler(file, path).load().item()

    return _read(path, load)


def _read(path: Path, load: Any) -> Any:
    try:
        with path.open("rb") as file:
            return load(file)
    except OSError as error:
        raise WeightsError(f"cannot read {path}: {error.strerror or error}") from error
    except WeightsError:
        raise
    except Exception as error:  # damaged pickles fail in a dozen ways
        if file_kinds.is_lfs_pointer(path):
            raise WeightsError(f"{path} {file_kinds.LFS_POINTER}") from error
        raise WeightsError(f"{path} is damaged or of another kind: {error}") from error


class _Unpickler(pickle.Unpickler):
    """Knows the globals that arrays are made of, and refuses all others."""

    def __init__(self, file: BinaryIO, path: Path) -> None:
        super().__init__(file, encoding="latin1")
        self.path = path

    def find_class(self, module: str, name: str) -> Any:
        package = module.split(".")[0]
        if package == "chumpy":
            return ChumpyArray
        if module.startswith("scipy.sparse") and name.endswith(("_matrix", "_array")):
            return SparseRows if name.startswith("csr") else SparseMatrix
        if found := GLOBALS.get((module, name)):
            return found
        raise WeightsError(
            f"{self.path} is refused, nothing of it was run: it asks for {module}.{name}, which "
            "is no array; obtain the official file"
        )

    def persistent_load(self, pid: Any) -> NoReturn:
        raise WeightsError(f"{self.path} is refused: it refers to something outside it")


def _plain_object(cls: type, base: type, state: Any) -> Any:
    """Copyreg's reconstructor, for stand-ins alone."""
    if not issubclass(cls, Holder) or base is not object or state is not None:
        raise ValueError("an object that is no array")
    return cls()


def _latin1(text: str, encoding: str) -> bytes:
    """How Python 3 writes bytes for Python 2 to read."""
    if encoding != "latin1":
        raise ValueError(f"text in {encoding}")
    return text.encode("latin1")


def _storage(content: bytes) -> Any:
    """Torch's storage, which has a pickle of its own inside."""
    return torch.load(io.BytesIO(content), weights_only=True)


_NUMPY = {
    name: getattr(np._core.multiarray, name)  # numpy's pickles name them so
    for name in ("_reconstruct", "scalar")
}
GLOBALS: dict[tuple[str, str], Any] = {
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("_codecs", "encode"): _latin1,
    ("torch._utils", "_rebuild_tensor_v2"): torch._utils._rebuild_tensor_v2,
    ("torch.storage", "_load_from_bytes"): _storage,
    ("collections", "OrderedDict"): OrderedDict,
}
GLOBALS |= {
    (f"numpy.{package}.multiarray", name): function
    for package in ("core", "_core")
    for name, function in _NUMPY.items()
}
GLOBALS |= {(module, "_reconstructor"): _plain_object for module in ("copy_reg", "copyreg")}
GLOBALS |= {
    (module, kind.__name__): kind
    for module in ("__builtin__", "builtins")
    for kind in (object, set, frozenset)
}


def _chumpy(state: Any) -> np.ndarray:
    """chumpy.Ch keeps its values as x; chumpy's Select takes some of another array's, a."""
    if isinstance(state, dict) and "x" in state:
        return as_array(state["x"])
    if isinstance(state, dict) and {"a", "idxs"} <= set(state):
        chosen = as_array(state["a"]).ravel()[as_array(state["idxs"])]
        return chosen.reshape(state.get("preferred_shape", -1))
    raise ValueError("a chumpy array that is computed in an unknown way")


def _dense(state: dict[str, Any], by_row: bool) -> np.ndarray:
    """A sparse matrix as a plain array."""
    shape = [int(n) for n in state.get("_shape", state.get("shape"))]
    dense, data = np.zeros(shape), as_array(state["data"])
    if "indptr" in state:
        starts, minor = as_array(state["indptr"]), as_array(state["indices"])
        major = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
        places = (major, minor) if by_row else (minor, major)
    else:
        coordinates = state["coords"] if "coords" in state else (state["row"], state["col"])
        places = tuple(as_array(part) for part in coordinates)
    np.add.at(dense, places, data)
    return dense
