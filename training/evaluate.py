"""Measure a heads model on held-out pairs: `python -m training.evaluate --pairs 256`.

Every seed of the pipeline is held out: training latents are drawn from keys no seed can have. All
figures are at truncation psi 1, pictures in −1…1.
"""

import argparse
import json
import math
from collections.abc import Iterator
from pathlib import Path

import torch
from PIL import Image

from stylemask_core import StyleMaskError, StyleMaskPipeline, hub
from stylemask_core.images import to_image
from training.heads.renderer import HeadRenderer
from training.heads.world import factors, latents, swap_pose
from training.losses import psnr
from training.mask import draw, reenact

BATCH = 16
COMPILE_FROM = 64  # pairs; compiling the renderer takes over a minute
SHEET_PAIRS = 16
MEASURED = "## Measured\n"  # heading of the section of the model card this writes
MEANINGS = {
    "l1_ratio": "L1 of the reenacted to the exact picture, as a share of the unchanged source's",
    "l1_ratio_renderer": "the same against the renderer's picture",
    "psnr_db": "generator against renderer [dB]",
    "inversion_psnr_db": "held-out renders, inverted and drawn again, against themselves [dB]",
}


class HeadsEvaluation:
    """Runs held-out pairs through a model and through the renderer.

    Args:
        pipeline: a model of synthetic heads.
        pairs: number of pairs.
        seed: names the pairs.
    """

    def __init__(self, pipeline: StyleMaskPipeline, pairs: int, seed: int) -> None:
        self.pipeline = pipeline
        z = latents(seed, 2 * pairs).to(pipeline.device)
        self.z_source, self.z_target = z[:pairs], z[pairs:]
        self.renderer = HeadRenderer(pipeline.device, compiled=pairs >= COMPILE_FROM)

    def pictures(self, start: int, stop: int) -> dict[str, torch.Tensor]:
        """Source, target, reenacted and exact pictures [n, 3, R, R] of some pairs."""
        generator, masks = self.pipeline.generator, self.pipeline.mask_network
        z_source, z_target = self.z_source[start:stop], self.z_target[start:stop]
        return {
            "source": draw(generator, z_source),
            "target": draw(generator, z_target),
            "reenacted": reenact(generator, masks, z_source, z_target),
            "exact": draw(generator, swap_pose(z_source, z_target)),
        }

    def render(self, z: torch.Tensor) -> torch.Tensor:
        """The renderer's pictures of latents: [n, 3, R, R] in −1…1."""
        return self.renderer.render(*factors(z), self.pipeline.config.resolution) * 2 - 1

    def _batches(self) -> Iterator[slice]:
        for start in range(0, len(self.z_source), BATCH):
            yield slice(start, min(start + BATCH, len(self.z_source)))

    @torch.inference_mode()
    def figures(self) -> dict[str, float]:
        """All figures, by the names in MEANINGS."""
        sums = dict.fromkeys(
            ("reached", "unchanged", "reached_render", "unchanged_render", "psnr", "inversion"), 0.0
        )
        for batch in self._batches():
            drawn = self.pictures(batch.start, batch.stop)
            z_source = self.z_source[batch]
            rendered = self.render(z_source)
            exact_render = self.render(swap_pose(z_source, self.z_target[batch]))
            codes = self.pipeline.refine(rendered, self.pipeline.encode(rendered))
            inverted = self.pipeline.generator(codes)
            values = {
                "reached": _l1(drawn["reenacted"], drawn["exact"]),
                "unchanged": _l1(drawn["source"], drawn["exact"]),
                "reached_render": _l1(drawn["reenacted"], exact_render),
                "unchanged_render": _l1(drawn["source"], exact_render),
                "psnr": psnr(drawn["source"], rendered),
                "inversion": psnr(inverted, rendered),
            }
            for name, value in values.items():
                sums[name] += float(value.sum())
        count = len(self.z_source)
        return {
            "l1_ratio": sums["reached"] / sums["unchanged"],
            "l1_ratio_renderer": sums["reached_render"] / sums["unchanged_render"],
            "psnr_db": sums["psnr"] / count,
            "inversion_psnr_db": sums["inversion"] / count,
        }

    @torch.inference_mode()
    def sheet(self) -> Image.Image:
        """Contact sheet, two pairs a row: source | target | reenacted | exact."""
        drawn = self.pictures(0, min(SHEET_PAIRS, len(self.z_source)))
        cells = torch.stack(list(drawn.values()), 1)  # [pairs, 4, 3, R, R]
        half = math.ceil(len(cells) / 2)
        columns = [torch.cat(list(pair), -1) for pair in cells]
        left, right = torch.cat(columns[:half], -2), torch.cat(columns[half:], -2)
        gap = torch.ones_like(left[..., :8])
        return to_image(torch.cat([left, gap, right], -1)[None])


def _l1(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    return (a - b).abs().mean((1, 2, 3))


def table(figures: dict[str, float], pairs: int, seed: int) -> str:
    """The figures as a Markdown table."""
    rows = [f"| `{name}` | {figures[name]:.3f} | {text} |" for name, text in MEANINGS.items()]
    head = f"{pairs} held-out pairs, seed {seed}, truncation 1.\n\n| figure | value | meaning |\n"
    return head + "|---|---|---|\n" + "\n".join(rows) + "\n"


def update_card(folder: Path, text: str) -> None:
    """Replace the model card's section of measured figures."""
    card = folder / hub.CARD_NAME
    head = card.read_text(encoding="utf-8").split(MEASURED)[0].rstrip()
    card.write_text(f"{head}\n\n{MEASURED}\n{text}", encoding="utf-8")


def main(argv: list[str] | None = None) -> None:
    """Command-line entry."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--model", default=hub.EMBEDDED)
    parser.add_argument("--pairs", type=int, default=256)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="CPU threads")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.add_argument("-o", "--output", type=Path, help="write table and contact sheet here")
    parser.add_argument("--card", action="store_true", help="write the table to the model card")
    args = parser.parse_args(argv)
    if args.pairs < 1:
        parser.error("--pairs must be 1 or more")
    torch.set_num_threads(args.threads)
    try:
        pipeline = StyleMaskPipeline.from_pretrained(args.model, device=args.device)
        if pipeline.config.domain != "synthetic heads":
            parser.error("this model shows no synthetic heads, so no exact answers are known")
    except StyleMaskError as error:
        parser.error(str(error))
    evaluation = HeadsEvaluation(pipeline, args.pairs, args.seed)
    figures = evaluation.figures()
    text = table(figures, args.pairs, args.seed)
    print(json.dumps(figures, indent=2) if args.json else text)
    if args.output:
        args.output.mkdir(parents=True, exist_ok=True)
        intro = "source | target | reenacted | exact, two pairs a row:\n\n![](heads_pairs.png)\n"
        report = f"# The embedded model on held-out pairs\n\n{text}\n{intro}"
        (args.output / "heads_results.md").write_text(report, encoding="utf-8")
        evaluation.sheet().save(args.output / "heads_pairs.png")
    if args.card:
        update_card(hub.model_folder(args.model), text)


if __name__ == "__main__":
    main()
