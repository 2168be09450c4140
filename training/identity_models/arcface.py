"""ArcFace's IR-SE50 (Deng et al. 2019), the field's identity embedding for photos.

Weights are official ones that each user has to obtain and to convert: `training.convert_arcface`.
"""

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

from stylemask_core.networks.e4e import IRSE50, STAGES
from training.network_files import read_config, read_network

KIND = "arcface"  # in a converted folder's config
WEIGHTS_NAME = "identity.safetensors"
EMBEDDING = 512
FRAME = 256  # [px] of aligned pictures, in which the crop is told
CROP_TOP, CROP_LEFT, CROP_SIDE = 35, 32, 188  # [px] the face in FFHQ's frame
INPUT_SIZE = 112  # [px]
FINAL_SIDE = INPUT_SIZE >> len(STAGES)  # [px] of the last features


class ArcFace(nn.Module):
    """IR-SE50 and its recognition head, the normalisations part of the layer between them."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = IRSE50()
        self.head = nn.Linear(STAGES[-1][0] * FINAL_SIDE**2, EMBEDDING)

    def forward(self, faces: torch.Tensor) -> torch.Tensor:
        """Faces [B, 3, 112, 112] in −1…1 → [B, 512] of unit length."""
        features = self.backbone(faces.contiguous(memory_format=torch.channels_last))[-1]
        return F.normalize(self.head(features.flatten(1)))


class ArcFaceModel:
    """Embeds pictures aligned as FFHQ's are.

    Args:
        network: embeds faces.
    """

    name = "arcface"

    def __init__(self, network: ArcFace) -> None:
        self.network = network

    @classmethod
    def load(cls, folder: Path, device: torch.device | str = "cpu") -> "ArcFaceModel":
        """Load what `training.convert_arcface` wrote.

        Raises:
            WeightsError: it is missing, damaged or something else.
        """
        read_config(folder, KIND)
        return cls(read_network(ArcFace, folder / WEIGHTS_NAME).to(device))

    def embed(self, images: torch.Tensor) -> torch.Tensor:
        """Embeddings [B, 512] of unit length of pictures [B, 3, R, R] in −1…1; differentiable."""
        embedding: torch.Tensor = self.network(crop(images))
        return embedding


def crop(images: torch.Tensor) -> torch.Tensor:
    """The face of pictures [B, 3, R, R], [B, 3, 112, 112]."""
    if images.shape[-1] != FRAME:
        images = F.adaptive_avg_pool2d(images, FRAME)
    bottom, right = CROP_TOP + CROP_SIDE, CROP_LEFT + CROP_SIDE
    return F.adaptive_avg_pool2d(images[:, :, CROP_TOP:bottom, CROP_LEFT:right], INPUT_SIZE)
