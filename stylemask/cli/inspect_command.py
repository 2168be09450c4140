"""`stylemask inspect`: one reenactment taken apart."""

import argparse
import json
from contextlib import nullcontext
from pathlib import Path

from stylemask.cli import outputs
from stylemask.cli.console import EXIT_DONE, say, tell
from stylemask.cli.inputs import is_folder, label, parse_input, paths
from stylemask.cli.loading import load
from stylemask.cli.outputs import Output
from stylemask.cli.photo_inputs import CodeReader
from stylemask.inspect import figures, inspection
from stylemask.inspect.mask_edit import MaskEdit
from stylemask.provenance.stamps import Stamp
from stylemask_core.errors import InvalidInputError, UsageError
from stylemask_core.pictures import images
from stylemask_core.pipeline import StyleMaskPipeline

FILES = (
    "result.png",
    "layer_means.png",
    "mask.png",
    "effects.png",
    "mask.npz",
    "mask.csv",
)


def inspect(args: argparse.Namespace) -> int:
    """Reenact one pair and write what the masks took from the target."""
    source, target = parse_input(args.source, "source"), parse_input(args.target, "target")
    for item in (source, target):
        if is_folder(item):
            raise UsageError(f"{label(item)} is a folder: inspect takes one pair")
    reader = CodeReader(args, source, target, tell)
    only_json = args.json and args.output is None
    with nullcontext() if only_json else outputs.results_folder(args.output, "inspect") as folder:
        if folder is not None:
            outputs.check_distinct([folder / name for name in FILES], paths(source, target))
        pipeline = load(args)
        edit = _mask_edit(args, pipeline)
        codes = reader.read_pair(pipeline, source, target)
        masks = edit.apply(pipeline.masks(*codes), pipeline.space)
        inspected = inspection.inspect(pipeline, *codes, args.strength, masks)
        if folder is not None:
            _write(folder, inspected, outputs.stamp_of(pipeline, source, target))
            tell(f"wrote {', '.join(FILES)} to {folder}{outputs.size_note(pipeline)}")
    if args.json:
        say(json.dumps(inspected.summary(), indent=2) + "\n")
    return EXIT_DONE


def _mask_edit(args: argparse.Namespace, pipeline: StyleMaskPipeline) -> MaskEdit:
    edit = MaskEdit(args.threshold, args.scale)
    try:
        edit.factors(pipeline.space)
    except InvalidInputError as error:
        raise UsageError(str(error)) from error
    return edit


def _write(folder: Path, inspected: inspection.Inspection, stamp: Stamp) -> None:
    pictures = (
        images.enlarged(inspected.result.image),
        figures.layer_bars(inspected),
        figures.mask_heatmap(inspected),
        figures.effect_maps(inspected),
    )
    files = [folder / name for name in FILES]
    for path, picture in zip(files, pictures, strict=False):
        outputs.write_picture(Output(path), picture, stamp)
    outputs.write(files[-2], inspected.npz())
    outputs.write(files[-1], inspected.csv().encode())
