"""The identity model of the synthetic people: who it is, whatever pose, light and surroundings."""

from pathlib import Path

import torch

from training.identity_models.heads import HeadsIdentityModel, new_network
from training.network_files import read_network

WEIGHTS_NAME = "people_identity.safetensors"


class PeopleIdentityModel(HeadsIdentityModel):
    """Embeds pictures of synthetic people by face and hair; pose, background and light not.

    Args:
        network: [B, 3, R, R] → [B, 128], of any length.
    """

    name = "people"

    @classmethod
    def load(
        cls, device: torch.device | str = "cpu", folder: Path | None = None
    ) -> "PeopleIdentityModel":
        """The shipped model, or one from another folder.

        Raises:
            WeightsError: the weights are missing, damaged or of another network.
        """
        path = (folder or Path(__file__).parent) / WEIGHTS_NAME
        return cls(read_network(new_network, path).to(device))
