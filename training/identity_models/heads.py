"""The identity model of the synthetic heads: who it is, whatever pose, light and surroundings."""

from pathlib import Path

import torch
import torch.nn.functional as F

from training.network_files import read_network
from training.picture_network import PictureNetwork

WEIGHTS_NAME = "identity.safetensors"
EMBEDDING = 128
INPUT_SIZE = 64  # [px]


def new_network() -> PictureNetwork:
    """An untrained network."""
    return PictureNetwork(EMBEDDING, INPUT_SIZE)


class HeadsIdentityModel:
    """Embeds pictures of synthetic heads by face and hair; background, shirt and light not.

    Args:
        network: [B, 3, R, R] → [B, 128], of any length.
    """

    name = "heads"

    def __init__(self, network: PictureNetwork) -> None:
        self.network = network

    @classmethod
    def load(
        cls, device: torch.device | str = "cpu", folder: Path | None = None
    ) -> "HeadsIdentityModel":
        """The shipped model, or one from another folder.

        Raises:
            WeightsError: the weights are missing, damaged or of another network.
        """
        path = (folder or Path(__file__).parent) / WEIGHTS_NAME
        return cls(read_network(new_network, path).to(device))

    def embed(self, images: torch.Tensor) -> torch.Tensor:
        """Embeddings [B, 128] of unit length of pictures [B, 3, R, R] in −1…1; differentiable."""
        return F.normalize(self.network(images).float())
