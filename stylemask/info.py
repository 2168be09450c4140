"""What a loaded model is, as figures for people and programs."""

from typing import Any

from stylemask_core.models import model_folder
from stylemask_core.networks.synthesis import operator_state
from stylemask_core.pipeline import StyleMaskPipeline


def model_info(pipeline: StyleMaskPipeline) -> dict[str, Any]:
    """Describe a model; the values are plain JSON."""
    config, space = pipeline.config, pipeline.space
    networks = {
        part: model_folder.empty_network(config, part) for part in model_folder.parts(config)
    }
    return {
        "model": pipeline.name,
        "revision": pipeline.revision,
        "name": config.name,
        "domain": config.domain,
        "licence": config.licence,
        "resolution": config.resolution,
        "latent_dim": config.latent_dim,
        "num_latents": config.num_latents,
        "style_channels": space.dim,
        "masked_channels": space.masked_dim,
        "encoder": config.encoder,
        "default_truncation": config.default_truncation,
        "device": str(pipeline.device),
        "operators": operator_state(pipeline.device),
        "parameters": {
            name: sum(values.numel() for values in network.parameters())
            for name, network in networks.items()
        },
        "groups": space.groups(),
        "layers": [
            {"name": x.name, "resolution": x.resolution, "dim": x.dim, "masked": x.masked}
            for x in space.layers
        ],
    }
