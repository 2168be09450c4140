"""`stylemask inspect`, `verify`, `info` and `doctor`: what there is to know of things."""

import glob
import json
import sys
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from stylemask.cli import outputs
from stylemask.cli.console import EXIT_DONE, EXIT_FAILED, say, tell, tell_error
from stylemask.cli.inputs import (
    INPUT,
    is_folder,
    is_pattern,
    label,
    may_be_picture,
    parse_input,
    paths,
)
from stylemask.cli.options import Mixing, ModelChoice, PhotoOptions
from stylemask.cli.pair_commands import load, model_name, stamp_of
from stylemask.cli.parser import (
    Command,
    UsageError,
    argument,
    exists,
    factors,
    group,
    number,
    option,
    output,
)
from stylemask.cli.photos import CodeReader
from stylemask.info import model_info
from stylemask.inspect import figures, inspection
from stylemask.inspect.mask_edit import SCALE_RANGE, THRESHOLD_RANGE, MaskEdit
from stylemask.provenance import stamps
from stylemask_core.errors import InvalidInputError
from stylemask_core.pictures import images

# of an inspection
FILES = ("result.png", "layer_means.png", "mask.png", "effects.png", "mask.npz", "mask.csv")


@dataclass(frozen=True)
class Inspect(Command):
    """Reenact one pair and write what the masks took from the target."""

    examples = (
        "stylemask inspect seed:1 seed:2",
        "stylemask inspect me.jpg seed:2 --threshold 0.2 --scale fine=0 -o look/",
        "stylemask inspect seed:1 seed:2 --json",
    )
    source: str = argument("SOURCE", INPUT)
    target: str = argument("TARGET", "likewise")
    mixing: Mixing = group()
    threshold: float = option(
        type=number(*THRESHOLD_RANGE), default=0.0, metavar="X",
        help="masks below it take nothing, 0…1 (default 0)",
    )  # fmt: skip
    scale: dict[str, float] = option(
        type=factors(*SCALE_RANGE), default={}, metavar="NAME=X,…",
        help="factors of the masks of groups and layers, 0…2, e.g. fine=0,b8.conv0=1.5",
    )  # fmt: skip
    photos: PhotoOptions = group(title="pictures")
    output: str | None = output(
        "FOLDER", f"gets {', '.join(FILES)}; inspect/ if neither it nor --json is given"
    )
    json: bool = option(help="print the figures as JSON")
    choice: ModelChoice = group()

    def run(self) -> int:
        """Write pictures and tables to a folder, or print figures."""
        source, target = parse_input(self.source, "source"), parse_input(self.target, "target")
        for item in (source, target):
            if is_folder(item):
                raise UsageError(f"{label(item)} is a folder: inspect takes one pair")
        reader = CodeReader(self.photos, self.mixing.truncation, source, target)
        only_json = self.json and self.output is None
        place = (
            nullcontext()
            if only_json
            else outputs.writable(outputs.folder_name(self.output, "inspect"))
        )
        with place as folder:
            if folder is not None:
                figures.require()
                outputs.check_distinct([folder / name for name in FILES], paths(source, target))
            pipeline = load(self.choice)
            edit = MaskEdit(self.threshold, self.scale)
            try:
                edit.factors(pipeline.space)
            except InvalidInputError as error:
                raise UsageError(str(error)) from error
            codes = reader.pair(pipeline, source, target)
            masks = edit.apply(pipeline.masks(*codes), pipeline.space)
            inspected = inspection.inspect(pipeline, *codes, self.mixing.strength, masks)
            if folder is not None:
                _write(folder, inspected, stamp_of(pipeline, source, target))
                tell(f"wrote {', '.join(FILES)} to {folder}{outputs.size_note(pipeline)}")
        if self.json:
            say(json.dumps(inspected.summary(), indent=2) + "\n")
        return EXIT_DONE


def _write(folder: Path, inspected: inspection.Inspection, stamp: stamps.Stamp) -> None:
    pictures = (
        images.enlarged(inspected.result.image),
        figures.layer_bars(inspected),
        figures.mask_heatmap(inspected),
        figures.effect_maps(inspected),
    )
    files = [folder / name for name in FILES]
    for path, picture in zip(files, pictures, strict=False):
        outputs.write_picture(outputs.Output(path), picture, stamp)
    outputs.write(files[-2], inspected.npz())
    outputs.write(files[-1], inspected.csv().encode())


@dataclass(frozen=True)
class Verify(Command):
    """Look for provenance metadata and the invisible watermark in pictures."""

    examples = ("stylemask verify mix.png", "stylemask verify results/ --json")
    files: list[str] = argument("FILE", "a picture, a folder of them or a pattern", nargs="+")
    json: bool = option(help="print a list, one object a file")

    def run(self) -> int:
        """Say of each file what it tells."""
        reports: list[dict[str, Any]] = []
        failed = False
        files = [path for text in self.files for path in _files(text)]
        for path in tqdm(files, unit="file", file=sys.stderr, disable=None):
            try:
                provenance = stamps.read(path)
            except InvalidInputError as error:
                failed = True
                tell_error(error, self.verbose)
                reports.append({"file": str(path), "readable": False, "error": str(error)})
                continue
            if not self.json:
                say(f"{path}: {provenance.sentence()}\n")
            reports.append({"file": str(path), "readable": True, **provenance.to_dict()})
        if self.json:
            say(json.dumps(reports, indent=2) + "\n")
        return EXIT_FAILED if failed else EXIT_DONE


def _files(text: str) -> list[Path]:
    """The files that one argument names: itself, a folder's pictures, or what a pattern fits."""
    path = Path(text)
    if not exists(path):
        fitting = sorted(glob.glob(text)) if is_pattern(text) else []  # noqa: PTH207
        return [Path(name) for name in fitting] or [path]
    if not path.is_dir():
        return [path]
    return sorted(x for x in path.iterdir() if x.is_file() and may_be_picture(x)) or [path]


@dataclass(frozen=True)
class Info(Command):
    """Say what a model is."""

    examples = ("stylemask info", "stylemask info ffhq --json")
    positional: str | None = argument("MODEL", "as --model", nargs="?")
    choice: ModelChoice = group()
    json: bool = option(help="print a JSON object")

    def run(self) -> int:
        """Print a table, or JSON."""
        choice = self.choice
        if self.positional:
            choice = ModelChoice(self.positional, choice.device)
        figures = model_info(load(choice))
        if self.json:
            say(json.dumps(figures, indent=2) + "\n")
            return EXIT_DONE
        groups = "; ".join(
            f"{name} {', '.join(members)}" for name, members in figures["groups"].items()
        )
        parameters = figures["parameters"].items()
        channels = figures["style_channels"], figures["masked_channels"]
        rows = {
            "model": f"{figures['name']} ({figures['model']})",
            "revision": figures["revision"] or "none, not from the Hub",
            "domain": figures["domain"] or "not stated",
            "licence": figures["licence"] or "not stated",
            "picture": f"{figures['resolution']}×{figures['resolution']} px",
            "W+ code": f"{figures['num_latents']}×{figures['latent_dim']}",
            "style channels": f"{channels[0]}, {channels[1]} under masks",
            "layer groups": groups,
            "truncation": f"{figures['default_truncation']:g} unless asked otherwise",
            "parameters": ", ".join(f"{name} {count:,}" for name, count in parameters),
            "device": figures["device"],
        }
        say("".join(f"{name:<15} {value}\n" for name, value in rows.items()))
        return EXIT_DONE


@dataclass(frozen=True)
class Doctor(Command):
    """Say what works on this machine, and what to do about the rest."""

    examples = ("stylemask doctor", "stylemask doctor --build")
    choice: ModelChoice = group()
    build: bool = option(help="compile operators ahead of use")
    json: bool = option(help="print a JSON object")

    def run(self) -> int:
        """Print what was looked at, one line a thing, or JSON."""
        from stylemask.doctor import build_operators, examine

        if self.build:
            tell("compiling what is not compiled yet; this may take a few minutes")
            build_operators()
        diagnosis = examine(model_name(self.choice), self.choice.device)
        if self.json:
            say(json.dumps(diagnosis.to_dict(), indent=2) + "\n")
        else:
            for finding in diagnosis.findings:
                say(f"{finding.level:<8} {finding.name}: {finding.text}\n")
                if finding.hint:
                    say(f"{'':<8} → {finding.hint}\n")
        return EXIT_DONE if diagnosis.usable else EXIT_FAILED
