"""StyleGAN2's operators: public functions over plain PyTorch, and compiled where that is faster."""

from op.fused_bias_act import fused_bias_act
from op.upfirdn2d import upfirdn2d

__all__ = ["fused_bias_act", "upfirdn2d"]
