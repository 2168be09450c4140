"""`stylemask mix` and `reenact`: one pair, or the files of folders."""

import argparse
import sys
from pathlib import Path

from PIL import Image
from tqdm import tqdm

from stylemask.cli import outputs
from stylemask.cli.console import EXIT_DONE, EXIT_FAILED, tell, tell_error
from stylemask.cli.folders import Pair, pair_up
from stylemask.cli.inputs import Input, is_folder, parse_input, paths
from stylemask.cli.loading import load
from stylemask.cli.photo_inputs import CodeReader
from stylemask_core.pictures import images
from stylemask_core.pipeline import StyleMaskPipeline
from stylemask_core.results import Code, Inversion

MOST_NAMES = 20  # that one line of a summary lists


def mix(args: argparse.Namespace) -> int:
    """Reenact one random face with another's pose."""
    return _reenact_pair(args, args.source_seed, args.target_seed, "mix.png")


def reenact(args: argparse.Namespace) -> int:
    """Reenact one pair, or the files of folders."""
    source, target = parse_input(args.source, "source"), parse_input(args.target, "target")
    if is_folder(source) or is_folder(target):
        return _reenact_folders(args, source, target)
    return _reenact_pair(args, source, target, "reenact.png")


def _reenact_pair(args: argparse.Namespace, source: Input, target: Input, name: str) -> int:
    reader = CodeReader(args, source, target, tell)
    output = outputs.picture_output(args.output, name)
    if output.path is None:
        tell(f"wrote {_reenacted(args, reader, output, source, target)}")
        return EXIT_DONE
    if output.named:
        outputs.check_distinct([output.path], paths(source, target))
    with outputs.writable(output.path.parent):
        tell(f"wrote {_reenacted(args, reader, output, source, target)}")
    return EXIT_DONE


def _reenacted(
    args: argparse.Namespace,
    reader: CodeReader,
    output: outputs.Output,
    source: Input,
    target: Input,
) -> str:
    """Reenact a pair; where the picture is, in words."""
    pipeline = load(args)
    codes = reader.read_pair(pipeline, source, target)
    picture = _render(args, pipeline, reader, source, *codes)
    stamp = outputs.stamp_of(pipeline, source, target)
    return outputs.write_picture(output, picture, stamp) + _size_note(args, pipeline)


def _reenact_folders(args: argparse.Namespace, source: Input, target: Input) -> int:
    reader = CodeReader(args, source, target, tell)
    with outputs.results_folder(args.output, "reenact") as folder:
        pairs, skipped = pair_up(source, target, folder)
        outputs.check_distinct(
            (pair.output for pair in pairs),
            (path for pair in pairs for path in paths(pair.source, pair.target)),
        )
        pipeline = load(args)
        single = {
            role: reader.read(pipeline, item, role)
            for role, item in (("source", source), ("target", target))
            if not is_folder(item)
        }
        failed: list[Pair] = []
        replaced = 0
        for pair in tqdm(pairs, unit="pair", file=sys.stderr, disable=None):
            try:
                codes = _codes(reader, pipeline, pair, single)
                picture = _render(args, pipeline, reader, pair.source, *codes)
                stamp = outputs.stamp_of(pipeline, pair.source, pair.target)
                output = outputs.Output(pair.output, named=args.output is not None)
                is_older = pair.output.exists()
                outputs.write_picture(output, picture, stamp)
                replaced += is_older
            except Exception as error:  # a GPU out of memory, say: the next pair may need less
                failed.append(pair)
                tell_error(error, args.verbose, f"{pair}: ")
    over = f", {replaced} of them over older files" if replaced else ""
    written = f"wrote {len(pairs) - len(failed)} of {len(pairs)} pictures to {folder}{over}"
    tell(written + _size_note(args, pipeline))
    remarks = {
        "failed": [str(pair) for pair in failed],
        **reader.remarks,
        "skipped, not being pictures": [str(path) for path in skipped],
    }
    for remark, names in remarks.items():
        if names:
            tell(f"{remark}: {_listed(names)}")
    return EXIT_FAILED if failed else EXIT_DONE


def _listed(names: list[str]) -> str:
    more = len(names) - MOST_NAMES
    return ", ".join(names[:MOST_NAMES]) + (f" and {more} more" if more > 0 else "")


def _codes(
    reader: CodeReader, pipeline: StyleMaskPipeline, pair: Pair, single: dict[str, Code]
) -> tuple[Code, Code]:
    """A pair's codes, of which that of the only source or target may be known."""
    if not single:
        return reader.read_pair(pipeline, pair.source, pair.target)
    source, target = (
        single.get(role) or reader.read(pipeline, item, role)
        for role, item in (("source", pair.source), ("target", pair.target))
    )
    return source, target


def _render(
    args: argparse.Namespace,
    pipeline: StyleMaskPipeline,
    reader: CodeReader,
    item: Input,
    source: Code,
    target: Code,
) -> Image.Image:
    """The picture to write: the result, source | target | result, or the source's photo with it."""
    result = pipeline.reenact(source, target, args.strength, args.layers).image
    if args.paste_back and isinstance(item, Path) and isinstance(source, Inversion):
        photo, loss = images.read_photo(item)
        reader.tell_of(item, loss)
        return pipeline.paste_back(photo, source, result)
    panels = [result]
    if args.grid:
        panels = [_picture(pipeline, code) for code in (source, target)] + panels
    if args.size is None:
        panels = [images.enlarged(panel) for panel in panels]
    else:
        panels = [images.area_average(panel, args.size) for panel in panels]
    return images.side_by_side(panels)


def _picture(pipeline: StyleMaskPipeline, code: Code) -> Image.Image:
    """What a code shows: the photo's crop, or the synthesized picture of a seed or array."""
    return code.crop if isinstance(code, Inversion) else pipeline.synthesize(code).image


def _size_note(args: argparse.Namespace, pipeline: StyleMaskPipeline) -> str:
    return "" if args.paste_back else outputs.size_note(pipeline, args.size)
