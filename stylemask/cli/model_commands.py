"""`stylemask convert`, `push` and `fetch`: models made, published and brought here."""

import sys
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import torch
from tqdm import tqdm

from stylemask.cli import outputs
from stylemask.cli.console import EXIT_DONE, console_progress, say, tell
from stylemask.cli.parser import Command, argument, option, output
from stylemask_core.models import hub
from stylemask_core.models.model_source import FFHQ

DTYPES = {"float32": torch.float32, "float16": torch.float16}
DTYPE = {"choices": [*DTYPES], "default": "float32", "help": "of the written weights"}


@dataclass(frozen=True)
class Convert(Command):
    """Convert the authors' checkpoints to a model folder."""

    examples = (
        "stylemask convert --generator G.pt --mask-network M.pt --encoder E.pt -o ffhq",
        "stylemask convert --generator G.pt --mask-network M.pt --encoder E.pt --dtype float16",
    )
    generator: Path = option(
        type=Path, required=True, metavar="FILE",
        help="StyleGAN2, such as stylegan2-ffhq-config-f.pt",
    )  # fmt: skip
    mask_network: Path = option(
        type=Path, required=True, metavar="FILE",
        help="StyleMask's, such as mask_network_1024.pt",
    )  # fmt: skip
    encoder: Path = option(
        type=Path, required=True, metavar="FILE", help="e4e's, such as e4e_ffhq_encode.pt"
    )
    output: str | None = output(
        "FOLDER", "model folder to be created; an existing one is replaced; model/ if not given"
    )
    dtype: str = option(**DTYPE)

    def run(self) -> int:
        """Write the folder."""
        from stylemask.convert import checkpoints

        output = outputs.folder_name(self.output, "model")
        with (
            outputs.writable(output.parent),
            # disable=None: drawn on a terminal only
            tqdm(
                total=checkpoints.STEPS, file=sys.stderr, disable=None, bar_format="{desc}: {bar}"
            ) as bar,
        ):

            def on_step(step: str) -> None:
                bar.set_description(step)
                bar.update()

            files = self.generator, self.mask_network, self.encoder
            checkpoints.convert(*files, output, DTYPES[self.dtype], on_step)
        # "./": a bare name may stand for another model
        name = output if output.is_absolute() else f"./{output}"
        tell(f"wrote {output}, use it with --model {name}")
        return EXIT_DONE


@dataclass(frozen=True)
class Push(Command):
    """Publish a model folder on the Hub."""

    examples = ("stylemask push ffhq/ me/my-model --private",)
    folder: Path = argument("FOLDER", "model folder", type=Path)
    repo: str = argument("USER/REPO", "on the Hub, made if need be")
    private: bool = option(help="a repository that is made is private")

    def run(self) -> int:
        """Print the commit's address."""
        say(f"{hub.push(self.folder, self.repo, self.private)}\n")
        return EXIT_DONE


@dataclass(frozen=True)
class Fetch(Command):
    """Download the authors' checkpoints and convert them to a model folder."""

    examples = ("stylemask fetch ffhq", "stylemask fetch ffhq -o ffhq --dtype float16")
    model: str = argument(None, "the authors' model of photos, 1024 px", choices=[FFHQ])
    output: str | None = output("FOLDER", "to be created; in this project's cache if not given")
    mask_network: Path | None = option(
        type=Path, metavar="FILE", help="mask_network_1024.pt, where Google Drive does not give it"
    )
    dtype: str = option(**DTYPE)
    keep: bool = option(help="do not delete the downloaded files")

    def run(self) -> int:
        """Write the folder, and have `ffhq` stand for it."""
        from stylemask.convert.fetch import downloads_folder, fetch_ffhq

        output = None if self.output is None else outputs.folder_name(self.output)
        with (
            nullcontext() if output is None else outputs.writable(output.parent),
            console_progress() as progress,
        ):
            folder = fetch_ffhq(
                output, self.mask_network, DTYPES[self.dtype], self.keep, progress, tell
            )
        files = f"; the downloaded files are in {downloads_folder()}" if self.keep else ""
        tell(f"wrote {folder}, use it with --model ffhq{files}")
        return EXIT_DONE
