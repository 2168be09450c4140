"""Which weights of a generator may be anything but 0.

What names nothing in a world is read by nobody. Where a world names the pose by elements of z of
its own, pose and all else also keep apart behind it: every third element of w, and every third
style channel of a convolution, follows from the pose alone, the others and toRGB from all else.
Then the exact answer to a reenactment is a choice of channels.
"""

import torch
from torch import nn

from stylemask_core.networks.generator import Generator
from training.worlds import World

POSE = "pose"  # the facts that follow from the pose
PERIOD = 3


class Restriction:
    """Keeps weights of a generator at 0; call it after every change of them.

    Args:
        generator: in place.
        world: that it draws.
    """

    def __init__(self, generator: Generator, world: World) -> None:
        self.world, self.first = world, generator.mapping.layers[0].weight
        self.dim = generator.config.latent_dim
        self.masks: list[tuple[nn.Parameter, torch.Tensor]] = []
        if world.pose is not None:
            self._keep_apart(generator, world.pose)

    def _keep_apart(self, generator: Generator, pose: torch.Tensor) -> None:
        facts = generator.config.facts
        told = [torch.full((count,), name == POSE) for name, count in facts.items()]
        elements = of_pose(self.dim)
        self._allow(self.first, elements, torch.cat([pose, *told]))
        for layer in generator.mapping.layers[1:]:
            self._allow(layer.weight, elements, elements)
        for block in generator.synthesis_blocks():
            for convolution in block.layers():
                affine = convolution.affine.weight
                self._allow(affine, of_pose(len(affine)), elements)
            affine = block.torgb.affine.weight
            self._allow(affine, torch.zeros(len(affine), dtype=torch.bool), elements)
        for name, network in generator.mapping.facts.items():
            hidden = network.hidden[0].weight
            self._allow(hidden, torch.full((len(hidden),), name == POSE), pose)

    def _allow(self, weight: nn.Parameter, outputs: torch.Tensor, inputs: torch.Tensor) -> None:
        mask = outputs[:, None] == inputs
        self.masks.append((weight, mask.to(weight)))

    @torch.no_grad()
    def __call__(self) -> None:
        """Set what is to be 0 to 0."""
        self.first[:, : self.dim] = self.world.project(self.first[:, : self.dim])
        for weight, mask in self.masks:
            weight.mul_(mask)


def told_of(world: World, name: str, z: torch.Tensor) -> torch.Tensor:
    """What the network of some facts may read of latents [B, 512]; the rest is 0."""
    z = world.project(z)
    return z if world.pose is None else z * (world.pose == (name == POSE))


def of_pose(count: int) -> torch.Tensor:
    """Which of so many elements or channels follow from the pose: [count] bool."""
    return torch.arange(count) % PERIOD == PERIOD - 1
