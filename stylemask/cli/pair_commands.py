"""`stylemask mix` and `reenact`: one pair, or the files of folders."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from tqdm import tqdm

from stylemask.cli import outputs
from stylemask.cli.console import EXIT_DONE, EXIT_FAILED, console_progress, tell, tell_error
from stylemask.cli.inputs import INPUT, Input, Pair, is_folder, pair_up, parse_input, paths
from stylemask.cli.options import MODEL_VARIABLE, Mixing, ModelChoice, Panels, PhotoOptions
from stylemask.cli.parser import Command, UsageError, argument, group, option, output, seed
from stylemask.cli.photos import CodeReader
from stylemask.provenance.stamps import Origin, Stamp
from stylemask_core.errors import InvalidInputError
from stylemask_core.models.model_folder import EMBEDDED
from stylemask_core.pictures import images
from stylemask_core.pipeline import StyleMaskPipeline
from stylemask_core.results import Code, Inversion

MOST_NAMES = 20  # that one line of a summary lists
FORMATS = f"a picture ({', '.join(outputs.WRITERS)}), or - for a PNG on standard output"


@dataclass(frozen=True)
class Mix(Command):
    """Reenact one random face with another's pose."""

    examples = (
        "stylemask mix --source-seed 1 --target-seed 2",
        "stylemask mix --source-seed 1 --target-seed 2 --grid --size 256 -o grid.webp",
        "stylemask mix --source-seed 1 --target-seed 2 -o - > mix.png",
    )
    source_seed: int = option(type=seed, required=True, metavar="N", help="whose identity is kept")
    target_seed: int = option(type=seed, required=True, metavar="N", help="whose pose is taken")
    mixing: Mixing = group()
    panels: Panels = group()
    output: str | None = output("PICTURE", f"{FORMATS}; mix.png if not given")
    choice: ModelChoice = group()

    def run(self) -> int:
        """Write one picture."""
        with outputs.picture_output(self.output, "mix.png") as output:
            pipeline = load(self.choice, self.panels.layers)
            source, target = (
                pipeline.sample(seed, self.mixing.truncation)
                for seed in (self.source_seed, self.target_seed)
            )
            picture = reenacted(pipeline, source, target, self.mixing, self.panels)
            written = outputs.write_picture(output, picture, Stamp.of(pipeline, Origin.RANDOM))
            tell(f"wrote {written}{outputs.size_note(pipeline, self.panels.size)}")
        return EXIT_DONE


@dataclass(frozen=True)
class Reenact(Command):
    """Reenact one pair, or the files of folders."""

    examples = (
        "stylemask reenact me.jpg you.jpg",
        "stylemask reenact group.jpg seed:7 --source-face 2 --paste-back -o result.jpg",
        "stylemask reenact portraits/ poses/ -o results/",
    )
    source: str = argument(
        "SOURCE",
        f"whose identity is kept: {INPUT}; folders are paired by sorted name, a single one goes "
        "with every file",
    )
    target: str = argument("TARGET", "whose pose is taken: likewise")
    mixing: Mixing = group()
    panels: Panels = group()
    photos: PhotoOptions = group(title="pictures")
    paste_back: bool = option(help="lay the result back into the photo that SOURCE is")
    output: str | None = output(
        "OUT",
        f"{FORMATS}; a folder if SOURCE or TARGET is one; reenact.png or reenact/ if not given",
    )
    choice: ModelChoice = group()

    def run(self) -> int:
        """Write one picture, or one a pair of files."""
        source, target = parse_input(self.source, "source"), parse_input(self.target, "target")
        reader = CodeReader(self.photos, self.mixing.truncation, source, target)
        if self.paste_back:
            self._check_pasting(reader)
        if is_folder(source) or is_folder(target):
            return self._folders(reader, source, target)
        with outputs.picture_output(self.output, "reenact.png") as output:
            if output.path is not None and output.named:
                outputs.check_distinct([output.path], paths(source, target))
            pipeline = load(self.choice, self.panels.layers)
            picture = self._picture(
                pipeline, reader, source, *reader.pair(pipeline, source, target)
            )
            written = outputs.write_picture(output, picture, stamp_of(pipeline, source, target))
            tell(f"wrote {written}{self._size_note(pipeline)}")
        return EXIT_DONE

    def _check_pasting(self, reader: CodeReader) -> None:
        if not reader.pictures:
            raise UsageError("--paste-back is for pictures: neither SOURCE nor TARGET is one")
        if "source" not in reader.pictures:
            raise UsageError("--paste-back is for a photo: SOURCE is none")
        if self.panels.grid or self.panels.size is not None:
            clash = "--grid" if self.panels.grid else "--size"
            raise UsageError(f"--paste-back writes the whole photo: leave out {clash}")

    def _folders(self, reader: CodeReader, source: Input, target: Input) -> int:
        with outputs.writable(outputs.folder_name(self.output, "reenact")) as folder:
            pairs, skipped = pair_up(source, target, folder)
            outputs.check_distinct(
                (pair.output for pair in pairs),
                (path for pair in pairs for path in paths(pair.source, pair.target)),
            )
            pipeline = load(self.choice, self.panels.layers)
            single = {
                role: reader.read(pipeline, item, role)
                for role, item in (("source", source), ("target", target))
                if not is_folder(item)
            }
            failed: list[Pair] = []
            replaced = 0
            for pair in tqdm(pairs, unit="pair", file=sys.stderr, disable=None):
                try:
                    codes = reader.pair(pipeline, pair.source, pair.target, single)
                    picture = self._picture(pipeline, reader, pair.source, *codes)
                    stamp = stamp_of(pipeline, pair.source, pair.target)
                    is_older = pair.output.exists()
                    output = outputs.Output(pair.output, named=self.output is not None)
                    outputs.write_picture(output, picture, stamp)
                    replaced += is_older
                except Exception as error:  # a GPU out of memory, say: the next may need less
                    failed.append(pair)
                    tell_error(error, self.verbose, f"{pair}: ")
        over = f", {replaced} of them over older files" if replaced else ""
        written = f"wrote {len(pairs) - len(failed)} of {len(pairs)} pictures to {folder}{over}"
        tell(written + self._size_note(pipeline))
        remarks = {
            "failed": [str(pair) for pair in failed],
            **reader.remarks,
            "skipped, not being pictures": [str(path) for path in skipped],
        }
        for remark, names in remarks.items():
            if names:
                tell(f"{remark}: {_listed(names)}")
        return EXIT_FAILED if failed else EXIT_DONE

    def _picture(
        self, pipeline: StyleMaskPipeline, reader: CodeReader, item: Input, source: Code,
        target: Code,
    ) -> Image.Image:  # fmt: skip
        """The picture to write for a pair; `item` is the source's file or seed."""
        if not self.paste_back:
            return reenacted(pipeline, source, target, self.mixing, self.panels)
        if not isinstance(item, Path) or not isinstance(source, Inversion):
            raise InvalidInputError(f"{item} is no photo that a result could be pasted into")
        photo = reader.photo(item)
        reader.tell_of(item, photo.loss)
        result = pipeline.reenact(source, target, self.mixing.strength, self.panels.layers)
        return pipeline.paste_back(photo, source, result.image)

    def _size_note(self, pipeline: StyleMaskPipeline) -> str:
        return "" if self.paste_back else outputs.size_note(pipeline, self.panels.size)


def model_name(choice: ModelChoice) -> str:
    """The name of the model that is meant."""
    return choice.model or os.environ.get(MODEL_VARIABLE) or EMBEDDED


def load(choice: ModelChoice, layers: list[str] | None = None) -> StyleMaskPipeline:
    """Load a model; a device or layers that it cannot use are bad usage."""
    try:
        with console_progress() as progress:
            pipeline = StyleMaskPipeline.from_pretrained(
                model_name(choice), device=choice.device, progress=progress
            )
        pipeline.space.select(layers)
        return pipeline
    except InvalidInputError as error:
        raise UsageError(str(error)) from error


def reenacted(
    pipeline: StyleMaskPipeline, source: Code, target: Code, mixing: Mixing, panels: Panels
) -> Image.Image:
    """The result of a pair, or source | target | result."""
    result = pipeline.reenact(source, target, mixing.strength, panels.layers).image
    shown = [_shown(pipeline, code) for code in (source, target)] if panels.grid else []
    if panels.size is None:
        pictures = [images.enlarged(picture) for picture in (*shown, result)]
    else:
        pictures = [images.area_average(picture, panels.size) for picture in (*shown, result)]
    return images.side_by_side(pictures) if panels.grid else pictures[0]


def _shown(pipeline: StyleMaskPipeline, code: Code) -> Image.Image:
    """What a code shows: the photo's crop, or the synthesized picture of a seed or array."""
    return code.crop if isinstance(code, Inversion) else pipeline.synthesize(code).image


def stamp_of(pipeline: StyleMaskPipeline, *items: Input) -> Stamp:
    """What the metadata of a result tell; of a .npy code nobody knows what it was made from."""
    return Stamp.of(pipeline, Origin.PHOTO if paths(*items) else Origin.RANDOM)


def _listed(names: list[str]) -> str:
    more = len(names) - MOST_NAMES
    return ", ".join(names[:MOST_NAMES]) + (f" and {more} more" if more > 0 else "")
