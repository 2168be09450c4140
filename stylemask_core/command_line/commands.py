"""What the subcommands of `stylemask` do: parsed arguments → exit code."""

import argparse
import json
import sys
import traceback
from pathlib import Path
from typing import Any

from PIL import Image
from tqdm import tqdm

from stylemask_core import figures, images, inspection
from stylemask_core.arguments import pick_device
from stylemask_core.command_line import outputs
from stylemask_core.command_line.inputs import Input, Pair, is_folder, label, pair_up, parse_input
from stylemask_core.command_line.photo_inputs import CodeReader
from stylemask_core.doctor import build_operators, examine
from stylemask_core.errors import InvalidInputError, StyleMaskError, UsageError
from stylemask_core.info import model_info
from stylemask_core.mask_edit import MaskEdit
from stylemask_core.pipeline import StyleMaskPipeline
from stylemask_core.progress import console_progress
from stylemask_core.provenance import Origin, Stamp
from stylemask_core.results import Code, Inversion

EXIT_DONE, EXIT_FAILED = 0, 1
INSPECTION_FILES = (
    "result.png",
    "layer_means.png",
    "mask.png",
    "effects.png",
    "mask.npz",
    "mask.csv",
)


def tell(message: object) -> None:
    """Write one line to stderr, above a progress bar if there is one."""
    tqdm.write(f"stylemask: {' '.join(str(message).split())}", file=sys.stderr)


def tell_error(error: Exception, verbose: bool, where: str = "") -> None:
    """Write an error to stderr as one line, below its traceback if that is asked for.

    Args:
        error: what was raised.
        verbose: whether to write the traceback.
        where: put before an error that does not say itself what it is about.
    """
    if verbose:
        traceback.print_exception(error)
    if isinstance(error, StyleMaskError):
        tell(f"error: {error}")
    else:
        hint = "run it with --verbose and report the traceback"
        tell(f"error: {where}unexpected {type(error).__name__}: {error}; {hint}")


def mix(args: argparse.Namespace) -> int:
    """Reenact one random face with another's pose."""
    return _reenact_pair(args, args.source_seed, args.target_seed)


def reenact(args: argparse.Namespace) -> int:
    """Reenact one pair, or the files of folders."""
    source, target = parse_input(args.source), parse_input(args.target)
    if is_folder(source) or is_folder(target):
        return _reenact_folders(args, source, target)
    return _reenact_pair(args, source, target)


def _reenact_pair(args: argparse.Namespace, source: Input, target: Input) -> int:
    reader = CodeReader(args, source, target, tell)
    outputs.check_distinct([args.output], _paths(source, target))
    outputs.check_picture_path(args.output)
    pipeline = _load(args)
    codes = reader.read_pair(pipeline, source, target)
    picture = _render(args, pipeline, source, *codes)
    outputs.write_picture(args.output, picture, _stamp(pipeline, source, target))
    tell(f"wrote {args.output}{_size_note(args, pipeline)}")
    return EXIT_DONE


def _reenact_folders(args: argparse.Namespace, source: Input, target: Input) -> int:
    reader = CodeReader(args, source, target, tell)
    pairs = pair_up(source, target, args.output)
    outputs.check_distinct(
        (pair.output for pair in pairs),
        (path for pair in pairs for path in _paths(pair.source, pair.target)),
    )
    outputs.check_folder_path(args.output)
    pipeline = _load(args)
    single = {
        role: reader.read(pipeline, item, role)
        for role, item in (("source", source), ("target", target))
        if not is_folder(item)
    }
    failed: list[Pair] = []
    for pair in tqdm(pairs, unit="pair", file=sys.stderr, disable=None):
        try:
            codes = _codes(reader, pipeline, pair, single)
            picture = _render(args, pipeline, pair.source, *codes)
            outputs.write_picture(pair.output, picture, _stamp(pipeline, pair.source, pair.target))
        except Exception as error:  # a GPU out of memory, say: the next pair may need less
            failed.append(pair)
            tell_error(error, args.verbose, f"{pair}: ")
    summary = f"wrote {len(pairs) - len(failed)} of {len(pairs)} pictures to {args.output}"
    if failed:
        summary += f"; failed: {', '.join(str(pair) for pair in failed)}"
    tell(summary + _size_note(args, pipeline))
    return EXIT_FAILED if failed else EXIT_DONE


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


def inspect(args: argparse.Namespace) -> int:
    """Reenact one pair and write what the masks took from the target."""
    source, target = parse_input(args.source), parse_input(args.target)
    for item in (source, target):
        if is_folder(item):
            raise UsageError(f"{label(item)} is a folder: inspect takes one pair")
    if args.output is None and not args.json:
        raise UsageError("nothing to do: give -o FOLDER, --json or both")
    reader = CodeReader(args, source, target, tell)
    if args.output is not None:
        files = [args.output / name for name in INSPECTION_FILES]
        outputs.check_distinct(files, _paths(source, target))
        outputs.check_folder_path(args.output)
    pipeline = _load(args)
    edit = _mask_edit(args, pipeline)
    codes = reader.read_pair(pipeline, source, target)
    masks = edit.apply(pipeline.masks(*codes), pipeline.space)
    found = inspection.inspect(pipeline, *codes, args.strength, masks)
    if args.output is not None:
        _write_inspection(args.output, found, _stamp(pipeline, source, target))
        written = f"{', '.join(INSPECTION_FILES)} to {args.output}"
        tell(f"wrote {written}{_size_note(args, pipeline)}")
    if args.json:
        _print_json(found.summary())
    return EXIT_DONE


def _mask_edit(args: argparse.Namespace, pipeline: StyleMaskPipeline) -> MaskEdit:
    edit = MaskEdit(args.threshold, args.scale)
    try:
        edit.factors(pipeline.space)
    except InvalidInputError as error:
        raise UsageError(str(error)) from error
    return edit


def _write_inspection(folder: Path, found: inspection.Inspection, stamp: Stamp) -> None:
    pictures = (
        images.enlarged(found.result.image),
        figures.layer_bars(found),
        figures.mask_heatmap(found),
        figures.effect_maps(found),
    )
    paths = [folder / name for name in INSPECTION_FILES]
    for path, picture in zip(paths, pictures, strict=False):
        outputs.write_picture(path, picture, stamp)
    outputs.write(paths[-2], found.npz())
    outputs.write(paths[-1], found.csv().encode())


def info(args: argparse.Namespace) -> int:
    """Say what a model is."""
    args.model = args.positional_model or args.model
    found = model_info(_load(args))
    if args.json:
        _print_json(found)
        return EXIT_DONE
    groups = "; ".join(f"{name} {', '.join(members)}" for name, members in found["groups"].items())
    parameters = found["parameters"]
    rows = {
        "model": f"{found['name']} ({found['model']})",
        "revision": found["revision"] or "none, not from the Hub",
        "domain": found["domain"] or "not stated",
        "licence": found["licence"] or "not stated",
        "picture": f"{found['resolution']}×{found['resolution']} px",
        "W+ code": f"{found['num_latents']}×{found['latent_dim']}",
        "style channels": f"{found['style_channels']}, {found['masked_channels']} under masks",
        "layer groups": groups,
        "truncation": f"{found['default_truncation']:g} unless asked otherwise",
        "parameters": ", ".join(f"{name} {count:,}" for name, count in parameters.items()),
        "device": found["device"],
    }
    sys.stdout.writelines(f"{name:<15} {value}\n" for name, value in rows.items())
    return EXIT_DONE


def doctor(args: argparse.Namespace) -> int:
    """Say what works on this machine, and what to do about the rest."""
    if args.build:
        tell("compiling what is not compiled yet; this may take a few minutes")
        build_operators()
    diagnosis = examine(args.model, args.device)
    if args.json:
        _print_json(diagnosis.to_dict())
    else:
        for finding in diagnosis.findings:
            sys.stdout.write(f"{finding.level:<8} {finding.name}: {finding.text}\n")
            if finding.hint:
                sys.stdout.write(f"{'':<8} → {finding.hint}\n")
    return EXIT_DONE if diagnosis.usable else EXIT_FAILED


def _print_json(value: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(value, indent=2) + "\n")


def _paths(*items: Input) -> list[Path]:
    return [item for item in items if isinstance(item, Path)]


def _load(args: argparse.Namespace) -> StyleMaskPipeline:
    """Load the model, and check what only the machine or the model can tell of the arguments."""
    try:
        pick_device(args.device)
        with console_progress() as progress:
            pipeline = StyleMaskPipeline.from_pretrained(
                args.model, device=args.device, progress=progress
            )
        pipeline.space.select(getattr(args, "layers", None))
    except InvalidInputError as error:
        raise UsageError(str(error)) from error
    return pipeline


def _render(
    args: argparse.Namespace,
    pipeline: StyleMaskPipeline,
    item: Input,
    source: Code,
    target: Code,
) -> Image.Image:
    """The picture to write: the result, source | target | result, or the source's photo with it."""
    result = pipeline.reenact(source, target, args.strength, args.layers).image
    if args.paste_back and isinstance(item, Path) and isinstance(source, Inversion):
        photo, loss = images.read_photo(item)
        pasted = pipeline.paste_back(photo, source, result)
        if not loss and not outputs.keeps(args.output, pasted):
            loss = f"{args.output.suffix} keeps no transparency, it lies on white now"
        if loss:
            tell(f"{item.name}: {loss}")
        return pasted
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


def _stamp(pipeline: StyleMaskPipeline, *items: Input) -> Stamp:
    """What the metadata of a result tell; of a .npy code nobody knows what it was made from."""
    return Stamp.of(pipeline, Origin.PHOTO if _paths(*items) else Origin.RANDOM)


def _size_note(args: argparse.Namespace, pipeline: StyleMaskPipeline) -> str:
    """What a person should know of the size of what was written."""
    size, resolution = getattr(args, "size", None), pipeline.config.resolution
    if getattr(args, "paste_back", False):
        return ""
    if size is None and resolution < images.OUTPUT_SIZE:
        return f" ({resolution} px enlarged to {images.OUTPUT_SIZE} px)"
    if size is not None and size < images.OUTPUT_SIZE:
        return f" (below {images.OUTPUT_SIZE} px the watermark may be lost: only the XMP is sure)"
    return ""
