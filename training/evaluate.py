"""Measure a model's reenactments: `python -m training.evaluate --pairs 256`.

Every seed of the pipeline is held out: training latents are drawn from keys no seed can have.
Synthetic heads are measured at truncation psi 1 against exact answers, other models at their own
psi, photos (`--images`) through inversion. `docs/reading_results.md` tells what the figures mean.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import torch

from stylemask_core import StyleMaskError, StyleMaskPipeline
from stylemask_core.config import MAX_SEED
from stylemask_core.errors import InvalidInputError, WeightsError
from stylemask_core.models import model_folder, model_source
from stylemask_core.networks.generator import Generator
from stylemask_core.networks.mask_network import MaskNetwork
from training.evaluation import report, sheets
from training.evaluation.expression_range import expression_range_of
from training.evaluation.judge import Judge
from training.evaluation.mask_files import SHIPPED, load_masks
from training.evaluation.measurement import Renders
from training.evaluation.pairs import Pairs, PhotoPairs, RandomPairs
from training.evaluation.photo_inversion import SHEET, invert_photos
from training.evaluation.photos import read_photos
from training.evaluation.results import Evaluation, evaluate
from training.face_models import FACE_MODELS, ExactFaceModel, FaceModel, load_face_model
from training.identity_models import IDENTITY_MODELS, IdentityModel, load_identity_model
from training.known_worlds import DEFAULT_WORLD, WORLDS

COMPILE_FROM = 64  # pairs; compiling the renderer takes over a minute
MEASURED = "## Measured\n"  # heading of the section of the model card this writes
RESULTS_NAME = "results.md"


def parse(argv: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--model", default=model_folder.EMBEDDED, help="as everywhere (default: embedded)"
    )
    parser.add_argument("--pairs", type=int, default=256, help="how many (default: 256)")
    parser.add_argument("--seed", type=int, default=1, help="names the pairs (default: 1)")
    parser.add_argument("--world", choices=WORLDS, help="of exact answers; default: the model's")
    parser.add_argument("--images", type=Path, metavar="FOLDER", help="measure pairs of its photos")
    parser.add_argument(
        "--photos",
        type=Path,
        metavar="FOLDER",
        help="measure inversions of its photos (faces.json)",
    )
    parser.add_argument("--baselines", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument(
        "--methods",
        type=lambda text: text.split(","),
        metavar="NAME,…",
        help="measure these alone, StyleMask always (default: all)",
    )
    parser.add_argument(
        "--masks",
        action="append",
        default=[],
        metavar="NAME=PATH",
        help="also measure these masks: a training run, a model folder or a file; repeatable",
    )
    parser.add_argument("--face-model", choices=FACE_MODELS, help="default: the world's own")
    parser.add_argument(
        "--face-model-folder", type=Path, metavar="FOLDER", help="its converted weights"
    )
    parser.add_argument("--identity-model", choices=IDENTITY_MODELS, help="default: likewise")
    parser.add_argument("--identity-folder", type=Path, metavar="FOLDER", help="likewise")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="CPU threads")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.add_argument("-o", "--output", type=Path, help="write the page and its pictures here")
    parser.add_argument("--card", action="store_true", help="write the table to the model card")
    args = parser.parse_args(argv)
    if args.photos and (args.images or args.card):
        parser.error("--photos goes with neither --images nor --card")
    if args.pairs < 1:
        parser.error("--pairs must be 1 or more")
    if not 0 <= args.seed <= MAX_SEED:
        parser.error(f"--seed must be 0 to {MAX_SEED}")
    if args.threads < 1:
        parser.error("--threads must be 1 or more")
    for text in args.masks:
        name, equals, path = text.partition("=")
        if not (name and equals and path):
            parser.error(f"--masks takes NAME=PATH, not {text!r}")
    return args


def run(args: argparse.Namespace) -> tuple[Evaluation, Pairs]:
    """Load the models and measure.

    Raises:
        StyleMaskError: a model, photos or masks cannot be used.
    """
    pipeline = StyleMaskPipeline.from_pretrained(args.model, device=args.device)
    face, identity = _judges(args, pipeline)
    if not isinstance(face, ExactFaceModel):  # whose factors have known ranges
        face.expression_range = expression_range_of(face, pipeline)
    masks = other_masks(args, pipeline.generator) if args.baselines else {}
    known: dict[str, Any] = {"model": pipeline.config.name, "revision": pipeline.revision}
    pairs: Pairs
    renders = None
    if args.images:
        framed, skipped = read_photos(pipeline, args.images)
        pairs = PhotoPairs(pipeline, framed, args.pairs, args.seed)
        known |= {"photos": len(framed), "skipped": skipped}
    else:
        domain = pipeline.config.domain
        own = [name for name, world in WORLDS.items() if world.domain == domain]
        name = args.world or (own or [DEFAULT_WORLD])[0]
        pairs = RandomPairs(pipeline, args.pairs, args.seed, WORLDS[name])
        if pairs.exact:
            known["world"] = name
            renders = Renders(pairs, compiled=args.pairs >= COMPILE_FROM)
    known |= {"pairs": len(pairs), "seed": args.seed, "truncation": pairs.truncation}
    known |= {"face_model": face.name, "identity_model": identity.name}
    judge = Judge(face, identity, pairs, args.seed)
    found = evaluate(pairs, judge, args.baselines, masks, renders, chosen=args.methods)
    return Evaluation(known | found.figures, found.methods), pairs


def measure_photos(args: argparse.Namespace) -> dict[str, Any]:
    """Invert the photos of a folder, and write the sheet where one is asked for.

    Raises:
        StyleMaskError: a model or the photos cannot be used.
    """
    pipeline = StyleMaskPipeline.from_pretrained(args.model, device=args.device)
    face_model, _ = _judges(args, pipeline)
    figures, sheet = invert_photos(pipeline, face_model, args.photos)
    if args.output:
        args.output.mkdir(parents=True, exist_ok=True)
        sheet.save(args.output / SHEET)
    return {"model": pipeline.config.name, "face_model": face_model.name} | figures


def other_masks(args: argparse.Namespace, generator: Generator) -> dict[str, MaskNetwork]:
    """The masks asked for, and for the embedded model those that are shipped for it.

    Raises:
        WeightsError: masks that were asked for cannot be used.
    """
    masks = {}
    if args.model == model_folder.EMBEDDED:
        for name, path in SHIPPED.items():
            try:
                masks[name] = load_masks(path, generator)
            except WeightsError as error:
                print(f"left out: {error}", file=sys.stderr)
    for text in args.masks:
        name, _, path = text.partition("=")
        masks[name] = load_masks(Path(path), generator)
    return masks


def _judges(
    args: argparse.Namespace, pipeline: StyleMaskPipeline
) -> tuple[FaceModel, IdentityModel]:
    """The models asked for, or those of the world that the model draws.

    Raises:
        StyleMaskError: they cannot be had, or cannot read the model's pictures.
    """
    own = {world.domain: world.judges for world in WORLDS.values()}
    name = own.get(pipeline.config.domain)
    face_name, identity_name = args.face_model or name, args.identity_model or name
    others = set(own.values()) - {name}
    if None in (face_name, identity_name) or others & {face_name, identity_name}:
        raise InvalidInputError(
            f"the judges {' and '.join(sorted(others))} do not read what this model shows: give "
            "--face-model deca --face-model-folder FOLDER (python -m training.convert_deca makes "
            "it) and --identity-model arcface --identity-folder FOLDER (training.convert_arcface)"
        )
    return (
        load_face_model(face_name, pipeline.device, args.face_model_folder),
        load_identity_model(identity_name, pipeline.device, args.identity_folder),
    )


def write_page(folder: Path, evaluation: Evaluation, pairs: Pairs) -> None:
    """Write the page of results and its contact sheets."""
    folder.mkdir(parents=True, exist_ok=True)
    batch = next(iter(pairs))
    sheets.pairs_sheet(batch, evaluation.methods).save(folder / report.PAIRS_SHEET)
    if len(evaluation.methods) > 1:
        sheets.methods_sheet(batch, evaluation.methods).save(folder / report.METHODS_SHEET)
    text = report.page(evaluation.figures)
    (folder / RESULTS_NAME).write_text(text, encoding="utf-8")


def update_card(folder: Path, text: str) -> None:
    """Replace the model card's section of measured figures."""
    card = folder / model_folder.CARD_NAME
    head = card.read_text(encoding="utf-8").split(MEASURED)[0].rstrip()
    card.write_text(f"{head}\n\n{MEASURED}\n{text}", encoding="utf-8")


def main(argv: list[str] | None = None) -> None:
    """Command-line entry."""
    args = parse(argv)
    torch.set_num_threads(args.threads)
    torch.set_flush_denormal(True)
    try:
        if args.photos:
            print(json.dumps(measure_photos(args), indent=2))
            return
        evaluation, pairs = run(args)
        if args.output:
            write_page(args.output, evaluation, pairs)
        if args.card:
            update_card(
                model_source.locate(args.model).folder, report.card_table(evaluation.figures)
            )
    except (StyleMaskError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    figures = evaluation.figures
    print(json.dumps(figures, indent=2) if args.json else report.card_table(figures))


if __name__ == "__main__":
    main()
