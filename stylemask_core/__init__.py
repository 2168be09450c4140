"""StyleMask: neural face reenactment by masks in StyleGAN2's style space (FG 2023)."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from stylemask_core import environment  # noqa: F401 - before torch is loaded

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

_MODULES = {
    "InvalidInputError": "errors",
    "Inversion": "results",
    "LatentCode": "results",
    "ModelConfig": "config",
    "NoFaceError": "errors",
    "Pose": "pose",
    "Reenactment": "results",
    "StyleMaskError": "errors",
    "StyleMaskPipeline": "pipeline",
    "Synthesis": "results",
    "WeightsError": "errors",
}

if not TYPE_CHECKING:  # for a type checker the names are those imported above

    def __getattr__(name: str) -> Any:
        # Imported when first used: PyTorch takes seconds, and the command line is to heed an
        # interrupt, and to tell its version, before that.
        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
