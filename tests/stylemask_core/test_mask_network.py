"""The mask networks against their definition."""

import torch

from stylemask_core import ModelConfig
from stylemask_core.networks.mask_network import MaskNetwork

CONFIG = ModelConfig("test", 16, {4: 6, 8: 5, 16: 4}, masked_layers=3)
DIMS = (6, 6, 5, 5, 4)  # styles of all five convolutions, two of them without a mask


def styles(seed: int) -> list[torch.Tensor]:
    source = torch.Generator().manual_seed(seed)
    return [3 * torch.randn(2, dim, generator=source) for dim in DIMS]


@torch.no_grad()
def test_each_mask_is_a_perceptron_of_source_minus_target():
    torch.manual_seed(0)
    network = MaskNetwork(CONFIG)
    source, target, tensors = styles(1), styles(2), network.state_dict()
    masks = network(source, target)
    assert len(masks) == 3
    for k, name in enumerate(("b4_conv1", "b8_conv0", "b8_conv1")):
        weights = [tensors[f"layers.{name}.{i}"] for i in ("0.weight", "0.bias")]
        hidden = ((source[k] - target[k]) @ weights[0].t() + weights[1]).clamp(min=0)
        weights = [tensors[f"layers.{name}.{i}"] for i in ("2.weight", "2.bias")]
        expected = 1 / (1 + torch.exp(-(hidden @ weights[0].t() + weights[1])))
        torch.testing.assert_close(masks[k], expected)
