"""StyleMask: neural face reenactment by masks in StyleGAN2's style space (FG 2023)."""

import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

# What torch reads when it is loaded. Threads that wait for each other sleep, see threads.py; huge
# pages for its allocator: features of 128 MB are not faulted in 4 kB at a time (on Linux).
ENVIRONMENT = {"OMP_WAIT_POLICY": "PASSIVE", "THP_MEM_ALLOC_ENABLE": "1"}
# Whether it is too late for that: threads that wait spin then, unless people set it themselves.
TORCH_CAME_FIRST = "torch" in sys.modules and "OMP_WAIT_POLICY" not in os.environ
for _name, _value in ENVIRONMENT.items():
    os.environ.setdefault(_name, _value)

if TYPE_CHECKING:
    from stylemask_core.config import ModelConfig
    from stylemask_core.errors import InvalidInputError, NoFaceError, StyleMaskError, WeightsError
    from stylemask_core.pipeline import StyleMaskPipeline
    from stylemask_core.pose import Pose
    from stylemask_core.results import Inversion, LatentCode, Reenactment, Synthesis

__version__ = "0.1.0"

__all__ = [
    "InvalidInputError",
    "Inversion",
    "LatentCode",
    "ModelConfig",
    "NoFaceError",
    "Pose",
    "Reenactment",
    "StyleMaskError",
    "StyleMaskPipeline",
    "Synthesis",
    "WeightsError",
    "__version__",
]

_NAMES = {
    "config": ("ModelConfig",),
    "errors": ("InvalidInputError", "NoFaceError", "StyleMaskError", "WeightsError"),
    "pipeline": ("StyleMaskPipeline",),
    "pose": ("Pose",),
    "results": ("Inversion", "LatentCode", "Reenactment", "Synthesis"),
}

if not TYPE_CHECKING:  # for a type checker the names are those imported above

    def __getattr__(name: str) -> Any:
        # Imported when first used: PyTorch takes seconds, and the command line is to heed an
        # interrupt, and to tell its version, before that.
        for module, names in _NAMES.items():
            if name in names:
                return getattr(import_module(f"{__name__}.{module}"), name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
