"""StyleMask: neural face reenactment by masks in StyleGAN2's style space (FG 2023)."""

from stylemask_core import environment  # noqa: F401 - before torch is loaded
from stylemask_core.config import ModelConfig
from stylemask_core.errors import InvalidInputError, NoFaceError, StyleMaskError, WeightsError
from stylemask_core.pipeline import StyleMaskPipeline
from stylemask_core.results import Inversion, LatentCode, Reenactment, Synthesis

__version__ = "0.1.0"

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
