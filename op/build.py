"""Compiled operators: made when first asked for, kept for the next start, never waited for.

`load` hands a library out once it is there; until then, and wherever it cannot be had, its caller
takes the PyTorch path. docs/operators.md tells the whole story.
"""

import ctypes
import os
import shutil
from pathlib import Path
from typing import Any, Literal

import torch

from op import cpu_library, cuda_library
from op.library import BuildError, Library, Recipe

CSRC = Path(__file__).parent / "csrc"
CUDA_SOURCES = [CSRC / "fused_bias_act.cu", CSRC / "upfirdn2d.cu"]
CUDA_HEADERS = [CSRC / "operators.h", CSRC / "for_each.h"]

Implementation = Literal["auto", "native", "reference"]


def find_compiler(variable: str, *names: str) -> str:
    """Path of the first compiler there is; what an environment variable names comes first.

    Raises:
        BuildError: there is none.
    """
    for name in filter(None, (os.environ.get(variable), *names)):
        if path := shutil.which(name):
            return path
    raise BuildError(f"there is no {names[0]}: install it, or name it in {variable}")


def cuda_compiler() -> str:
    """Path of nvcc.

    Raises:
        BuildError: there is none.
    """
    homes = [os.environ.get("CUDA_HOME"), os.environ.get("CUDA_PATH"), "/usr/local/cuda"]
    return find_compiler("CUDACXX", "nvcc", *(f"{home}/bin/nvcc" for home in homes if home))


def cuda_command(architectures: list[str]) -> list[str]:
    """The command line that compiles for GPU architectures such as "90"."""
    targets = [f"-gencode=arch=compute_{name},code=sm_{name}" for name in architectures]
    return [cuda_compiler(), "-O2", "-shared", "-Xcompiler", "-fPIC", *targets]


def cpu_command() -> list[str]:
    """The command line that compiles for this machine's CPU."""
    compiler = find_compiler("CXX", "g++", "c++", "clang++")
    flags = ["-std=gnu++17", "-O3", "-march=native", "-ffp-contract=fast", "-fopenmp"]
    return [compiler, *flags, "-shared", "-fPIC"]


def _command_for_these_gpus() -> list[str]:
    count = torch.cuda.device_count()
    found = {torch.cuda.get_device_capability(device) for device in range(count)}
    return cuda_command([f"{major}{minor}" for major, minor in sorted(found)])


def _no_gpu() -> str:
    return "" if torch.version.cuda and torch.cuda.is_available() else "there is no CUDA GPU"


LIBRARIES = {
    name: Library(name, recipe)
    for name, recipe in {
        "cuda": Recipe(
            sources=CUDA_SOURCES,
            headers=CUDA_HEADERS,
            command=_command_for_these_gpus,
            unneeded=_no_gpu,
            prepare=cuda_library.prepare,
        ),
        "cpu": Recipe(
            sources=[CSRC / "styled_conv.cpp"],
            headers=[],
            command=cpu_command,
            prepare=cpu_library.prepare,
        ),
    }.items()
}


def load(name: str) -> ctypes.CDLL | None:
    """Return a library if it can be used now.

    The first call starts a compiler if need be and does not wait for it; a later call finds the
    result. Neither raises nor hangs: what goes wrong is logged as one warning that names the cause.

    Args:
        name: a key of LIBRARIES.

    Returns:
        The library, or None: take the PyTorch path.

    Raises:
        BuildError: only with STYLEMASK_OPS=native, which waits for the compiler, if there is no
            library and the machine has a use for it; and for a setting that makes no sense.
    """
    return LIBRARIES[name].load()


def build(name: str, retry: bool = False) -> None:
    """Make sure that a library is compiled, and wait for it.

    Args:
        name: a key of LIBRARIES.
        retry: try again what failed before, and compile anew what was compiled and does not work.

    Raises:
        BuildError: it cannot be compiled, or not used on this machine.
    """
    LIBRARIES[name].build(retry)


def choose(name: str, impl: Implementation, served: bool) -> ctypes.CDLL | None:
    """The library that an operator takes, None for PyTorch's path.

    Args:
        name: a key of LIBRARIES.
        impl: "native" waits for the compiler and takes nothing else; "auto" takes the library if
            it is there.
        served: whether it computes with the operator's arguments.

    Raises:
        ValueError: there is no such impl, or "native" for arguments that are not served.
        BuildError: "native", and there is no library; or see `load`.
    """
    if impl == "auto":
        return load(name) if served else None
    if impl == "reference":
        return None
    if impl != "native":
        raise ValueError(f"impl={impl!r} is not known: choose auto, native or reference")
    if not served:
        raise ValueError(f"the compiled operators ({name}) do not serve these arguments")
    build(name)
    library = LIBRARIES[name]
    if library.handle is None:
        raise BuildError(f"the compiled operators ({name}) are not in use: {library.reason}")
    return library.handle


def status(try_out: bool = False) -> dict[str, dict[str, Any]]:
    """What became of every library, as plain JSON; compiles nothing.

    Args:
        try_out: load what lies on disk, which may not work, instead of looking whether it is there.

    Returns:
        Per name: `state`: "native" (compiled), "reference" (PyTorch's path, by choice or because
        the machine has no use for the library), "not built yet", "building" or "failed";
        `reason`: one line, "" if there is nothing to say; `seconds` that the build took, 0 if
        this process began none.
    """
    return {name: library.status(try_out) for name, library in LIBRARIES.items()}
