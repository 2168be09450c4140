"""Train the heads mask networks: `python -m training.mask`.

Exact supervision: for the embedded model the right answer is known, since a latent with the
source's identity coordinates and the target's pose coordinates names exactly the wanted head. The
networks learn to reach the frozen generator's picture of it by mixing the two codes' styles.
"""

import argparse
import sys
from pathlib import Path

import torch

from stylemask_core.generator import Generator
from stylemask_core.mask_network import MaskNetwork
from stylemask_core.style_space import mix_styles
from training.generator import averaged_generator, current_resolution, parse_stages
from training.heads.landmarks import landmarks
from training.heads.world import factors, swap_pose
from training.losses import landmark_weights, picture_loss
from training.run import TrainingRun, autocast, averaged_weights, options, prepare

VALIDATION_PAIRS = 128


def reenact(
    generator: Generator,
    masks: MaskNetwork,
    z_source: torch.Tensor,
    z_target: torch.Tensor,
    resolution: int | None = None,
) -> torch.Tensor:
    """The picture of each source [B, 512] with its target's pose, psi 1: [B, 3, R, R]."""
    source, target = (generator.broadcast(generator.mapping(z)) for z in (z_source, z_target))
    styles = generator.styles(source)
    target_styles = generator.styles(target)
    mixed = mix_styles(styles, target_styles, masks(styles, target_styles))
    return generator.synthesize(mixed, generator.rgb_styles(source), resolution)


def draw(generator: Generator, z: torch.Tensor, resolution: int | None = None) -> torch.Tensor:
    """The generator's own picture of each z [B, 512], psi 1: [B, 3, R, R]."""
    return generator(generator.broadcast(generator.mapping(z)), resolution)


def eyes_and_mouth(z: torch.Tensor) -> torch.Tensor:
    """Where the eyes and the mouth of each head are: [B, 3, 2] in 0…1."""
    points = landmarks(*factors(z))[0]
    parts = (points[:, 36:42], points[:, 42:48], points[:, 48:60])  # iBUG order
    return torch.stack([part.mean(1) for part in parts], 1)


@torch.no_grad()
def validate(generator: Generator, masks: MaskNetwork, device: torch.device) -> float:
    """`l1_ratio` on fixed pairs: mean L1 to the exact picture, as a share of the source's own."""
    random = torch.Generator().manual_seed(99)
    reached = unchanged = 0.0
    for _ in range(VALIDATION_PAIRS // 32):
        z_source, z_target = torch.randn((2, 32, 512), generator=random).to(device)
        exact = draw(generator, swap_pose(z_source, z_target))
        reached += (reenact(generator, masks, z_source, z_target) - exact).abs().mean().item()
        unchanged += (draw(generator, z_source) - exact).abs().mean().item()
    return reached / unchanged


def main(argv: list[str] | None = None) -> None:
    """Command-line entry."""
    parser = options(__doc__, "runs/mask", images=60_000, batch=16)
    parser.add_argument("--generator", type=Path, default=Path("runs/generator"), help="its run")
    parser.add_argument("--stages", default="64:0.7,128:1", help="resolution of the picture loss")
    parser.add_argument("--init", type=Path, help="mask run to start from")
    parser.add_argument("--learning-rate", type=float, default=2e-3)
    train(parser.parse_args(argv))


def train(args: argparse.Namespace) -> None:
    """Fit the mask networks to exact reenactments and write their averaged weights."""
    device, stages = prepare(args), parse_stages(args.stages)
    generator = averaged_generator(args.generator).to(device)
    masks = MaskNetwork(generator.config)
    if args.init:
        masks.load_state_dict(averaged_weights(args.init, "mask_network"))
    masks.to(device)
    groups = [{"params": list(masks.parameters())}]
    run = TrainingRun(args, {"mask_network": masks}, groups, args.learning_rate)
    for bar in run.steps():
        resolution = current_resolution(stages, run.fraction)
        pairs = torch.randn((2, args.batch, 512), generator=run.random).to(device)
        z_exact = swap_pose(*pairs)
        with autocast(args):
            with torch.no_grad():
                exact = draw(generator, z_exact, resolution)
            reached = reenact(generator, masks, *pairs, resolution)
        weights = landmark_weights(eyes_and_mouth(z_exact), resolution)
        loss = picture_loss(reached.float(), exact.float(), weights)
        run.descend(loss)
        if run.step % 250 == 0:
            ratio = validate(generator, run.averages["mask_network"], device)
            bar.set_postfix_str(f"loss {loss.item():.4f}, l1_ratio {ratio:.3f}")
    ratio = validate(generator, run.averages["mask_network"], device)
    print(f"l1_ratio: {ratio:.3f}", file=sys.stderr)


if __name__ == "__main__":
    main()
