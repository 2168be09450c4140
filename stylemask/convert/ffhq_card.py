"""The model card of a folder converted from the authors' checkpoints."""

from pathlib import Path

import torch

from stylemask_core.config import ModelConfig

TEMPLATE = Path(__file__).with_name("ffhq_card.md")


def ffhq_card(config: ModelConfig, dtype: torch.dtype, sources: dict[str, tuple[str, str]]) -> str:
    """Fill in the card.

    Args:
        config: of the model.
        dtype: of the stored tensors.
        sources: file name and SHA-256 of each part's checkpoint.
    """
    return TEMPLATE.read_text(encoding="utf-8").format(
        resolution=config.resolution,
        masked_layers=config.masked_layers,
        dtype=str(dtype).removeprefix("torch."),
        hashes="\n".join(f"{digest}  {name}" for name, digest in sources.values()),
        **{part: name for part, (name, _) in sources.items()},
    )
