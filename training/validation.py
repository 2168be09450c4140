"""The same pairs at every validation: figures for the log, pictures to look at."""

from pathlib import Path

import torch
import torch.nn.functional as F

from stylemask_core.networks.mask_network import MaskNetwork
from stylemask_core.pictures.images import to_image
from training.checkpoint import one_line_errors
from training.supervision import Supervision

SEED = 99  # of the pairs
SHOWN = 8  # pairs in a grid
CELL = 256  # [px] largest side of a picture in a grid
FOLDER = "validation"


class Validation:
    """Measures masks on fixed pairs.

    Args:
        supervision: tells how good reenactments are.
        latent_dim: of the generator.
        pairs: how many.
        device: of the generator.
    """

    def __init__(
        self, supervision: Supervision, latent_dim: int, pairs: int, device: torch.device
    ) -> None:
        self.supervision = supervision
        random = torch.Generator().manual_seed(SEED)
        self.z = torch.randn((2, pairs, latent_dim), generator=random).to(device)

    def measure(self, masks: MaskNetwork) -> tuple[float, dict[str, float]]:
        """The score (the lower the better), and figures named validation/…."""
        figures = self.supervision.figures(masks, self.z)
        named = {f"{FOLDER}/{name}": value for name, value in figures.items()}
        return figures[self.supervision.score], named

    @torch.no_grad()
    def save_grid(self, masks: MaskNetwork, folder: Path, step: int) -> None:
        """Write source | target | reenacted (| exact) of the first pairs, a pair a line.

        Args:
            masks: to look at.
            folder: of the run; the picture goes to validation/STEP.png in it.
            step: of the run.

        Raises:
            SystemExit: it cannot be written.
        """
        rows = self.supervision.rows(masks, self.z[:, :SHOWN])
        small = [F.adaptive_avg_pool2d(row, min(CELL, row.shape[-1])) for row in rows]
        lines = [torch.cat(list(pair), -1) for pair in torch.stack(small, 1)]
        path = folder / FOLDER / f"{step:07d}.png"
        with one_line_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            to_image(torch.cat(lines, -2)[None]).save(path)
