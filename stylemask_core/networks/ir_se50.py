"""IR-SE50, ArcFace's backbone (Deng et al. 2019) with squeeze and excitation (Hu et al. 2018).

Built for evaluation: a batch normalisation that follows a convolution is folded into its weights
when a checkpoint is converted (`stylemask/convert/e4e_tensors.py`), one that precedes a convolution
is a scale and a shift, since the padding in between must see the shifted values.
"""

import torch
import torch.nn.functional as F
from torch import nn

STEM_CHANNELS = 64
# channels and residual units of each stage; the first unit of a stage halves the resolution
STAGES = ((64, 3), (128, 4), (256, 14), (512, 3))
SQUEEZE_RATIO = 16


class Stem(nn.Module):
    """First convolution: RGB → features at full resolution."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, STEM_CHANNELS, 3, padding=1)
        self.prelu = nn.PReLU(STEM_CHANNELS)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[B, 3, H, W] → [B, 64, H, W]."""
        out: torch.Tensor = self.prelu(self.conv(x))
        return out


class Unit(nn.Module):
    """Residual unit: two convolutions, channels weighted by squeeze and excitation.

    Args:
        before: channels of the input.
        after: channels of the output.
        stride: 2 halves the resolution.
    """

    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.scale = nn.Parameter(torch.ones(before, 1, 1))
        self.shift = nn.Parameter(torch.zeros(before, 1, 1))
        self.conv1 = nn.Conv2d(before, after, 3, padding=1, bias=False)
        self.prelu = nn.PReLU(after)
        self.conv2 = nn.Conv2d(after, after, 3, stride, padding=1)
        self.squeeze = nn.Conv2d(after, after // SQUEEZE_RATIO, 1, bias=False)
        self.excite = nn.Conv2d(after // SQUEEZE_RATIO, after, 1, bias=False)
        self.shortcut = nn.Conv2d(before, after, 1, stride) if before != after else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[B, before, H, W] → [B, after, H / stride, W / stride]."""
        out: torch.Tensor = self.prelu(self.conv1(torch.addcmul(self.shift, x, self.scale)))
        out = self.conv2(out)
        share = out.mean((2, 3), keepdim=True)
        share = torch.sigmoid(self.excite(F.relu(self.squeeze(share))))
        every = self.stride
        x = x[:, :, ::every, ::every] if self.shortcut is None else self.shortcut(x)
        return torch.addcmul(x, out, share)


class IRSE50(nn.Module):
    """The backbone without its recognition head; 24 units in four stages."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = Stem()
        self.units = nn.ModuleList()
        before = STEM_CHANNELS
        for after, count in STAGES:
            for index in range(count):
                self.units.append(Unit(before, after, stride=2 if index == 0 else 1))
                before = after

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        """Features after each stage.

        Args:
            x: [B, 3, H, W] in −1…1.

        Returns:
            [B, 64, H/2, W/2], [B, 128, H/4, W/4], [B, 256, H/8, W/8], [B, 512, H/16, W/16].
        """
        x = self.stem(x)
        features, units = [], iter(self.units)
        for _, count in STAGES:
            for _ in range(count):
                x = next(units)(x)
            features.append(x)
        return features
