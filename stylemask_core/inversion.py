"""Bring codes closer to their pictures by gradient steps on the codes (Zhu et al. 2016)."""

import torch

from stylemask_core.networks.generator import Generator

SPREAD_SAMPLES = 1024
STEP_SIZE = 0.05  # Adam's [deviations of w]
MOMENTS = (0.9, 0.99)


@torch.inference_mode()
def w_spread(generator: Generator) -> torch.Tensor:
    """Standard deviation of each element of w over a fixed sample of latents: [latent_dim]."""
    spread: torch.Tensor = generator.mapping.sample(SPREAD_SAMPLES).std(0)
    return spread


def refine(
    generator: Generator,
    images: torch.Tensor,
    codes: torch.Tensor,
    spread: torch.Tensor,
    steps: int,
) -> torch.Tensor:
    """Move codes so that their pictures come closer to those they are to show.

    All layers of a code are moved alike: what the encoder put into single layers is kept, and the
    code stays one that the mask networks know how to mix.

    Args:
        generator: frozen.
        images: [B, 3, R, R] in −1…1, at the generator's resolution.
        codes: W+ [B, L, latent_dim] to start from.
        spread: deviation of w, see `w_spread`; the unit of a step.
        steps: number of gradient steps; 0 returns the codes.

    Returns:
        W+ [B, L, latent_dim].
    """
    # gradients are needed here even where a caller has switched them off
    with torch.inference_mode(False), torch.enable_grad():
        images, codes, spread = images.clone(), codes.clone(), spread.clone()
        offset = torch.zeros_like(codes[:, :1], requires_grad=True)
        optimizer = torch.optim.Adam([offset], STEP_SIZE, MOMENTS)
        for _ in range(steps):
            error = generator(codes + offset * spread) - images
            # a sum over the batch, so that pictures do not influence each other
            loss = error.square().mean((1, 2, 3)).sum()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return (codes + offset * spread).detach()
