"""StyleMask: neural face reenactment by masks in StyleGAN2's style space (FG 2023)."""

import os

from stylemask_core.config import ModelConfig
from stylemask_core.errors import InvalidInputError, NoFaceError, StyleMaskError, WeightsError
from stylemask_core.pipeline import StyleMaskPipeline
from stylemask_core.results import Inversion, LatentCode, Reenactment, Synthesis

__version__ = "0.1.0"

# Huge pages for torch's allocator: features of 128 MB are not faulted in 4 kB at a time. It reads
# this when it first allocates, and only Linux heeds it.
os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")

__all__ = [
    "InvalidInputError",
    "Inversion",
    "LatentCode",
    "ModelConfig",
    "NoFaceError",
    "Reenactment",
    "StyleMaskError",
    "StyleMaskPipeline",
    "Synthesis",
    "WeightsError",
    "__version__",
]
