"""IR-SE50, ArcFace's backbone (Deng et al. 2019) with squeeze and excitation (Hu et al. 2018)."""

import torch
import torch.nn.functional as F
from torch import nn

STEM_CHANNELS = 64
# channels and residual units of each stage; the first unit of a stage halves the resolution
STAGES = ((64, 3), (128, 4), (256, 14), (512, 3))
SQUEEZE_RATIO = 16
NORM_EPSILON = 1e-5


class FrozenBatchNorm(nn.Module):
    """Batch normalisation with fixed statistics: the backbone is only ever evaluated.

    Args:
        channels: of the input [B, channels, H, W].
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("variance", torch.ones(channels))
        self.mean: torch.Tensor
        self.variance: torch.Tensor

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Normalise each channel."""
        statistics = self.mean, self.variance
        return F.batch_norm(x, *statistics, self.weight, self.bias, eps=NORM_EPSILON)


def _conv3x3(before: int, after: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(before, after, 3, stride, padding=1, bias=False)


class Stem(nn.Module):
    """First convolution: RGB → features at full resolution."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = _conv3x3(3, STEM_CHANNELS)
        self.norm = FrozenBatchNorm(STEM_CHANNELS)
        self.prelu = nn.PReLU(STEM_CHANNELS)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[B, 3, H, W] → [B, 64, H, W]."""
        out: torch.Tensor = self.prelu(self.norm(self.conv(x)))
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
        self.norm_in = FrozenBatchNorm(before)
        self.conv1 = _conv3x3(before, after)
        self.prelu = nn.PReLU(after)
        self.conv2 = _conv3x3(after, after, stride)
        self.norm_out = FrozenBatchNorm(after)
        self.squeeze = nn.Conv2d(after, after // SQUEEZE_RATIO, 1, bias=False)
        self.excite = nn.Conv2d(after // SQUEEZE_RATIO, after, 1, bias=False)
        if before != after:
            self.shortcut_conv = nn.Conv2d(before, after, 1, stride, bias=False)
            self.shortcut_norm = FrozenBatchNorm(after)
        self.projects = before != after

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[B, before, H, W] → [B, after, H / stride, W / stride]."""
        out: torch.Tensor = self.conv2(self.prelu(self.conv1(self.norm_in(x))))
        out = self.norm_out(out)
        share = out.mean((2, 3), keepdim=True)
        out = out * torch.sigmoid(self.excite(F.relu(self.squeeze(share))))
        if self.projects:
            x = self.shortcut_norm(self.shortcut_conv(x))
        else:
            x = x[:, :, :: self.stride, :: self.stride]
        return out + x


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
