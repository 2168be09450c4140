"""`stylemask convert`, `push` and `fetch`: models made, published and brought here."""

import argparse
import sys
from contextlib import nullcontext

import torch
from tqdm import tqdm

from stylemask.cli import outputs
from stylemask.cli.console import EXIT_DONE, say, tell
from stylemask.convert.fetch import fetch_ffhq
from stylemask_core.models import cache, repository
from stylemask_core.progress import console_progress

DTYPES = {"float32": torch.float32, "float16": torch.float16}


def convert(args: argparse.Namespace) -> int:
    """Convert the authors' checkpoints to a model folder."""
    from stylemask.convert.checkpoints import STEPS, convert

    output = outputs.folder_name(args.output, "model")
    with (
        outputs.writable(output.parent),
        # disable=None: drawn on a terminal only
        tqdm(total=STEPS, file=sys.stderr, disable=None, bar_format="{desc}: {bar}") as bar,
    ):

        def on_step(step: str) -> None:
            bar.set_description(step)
            bar.update()

        files = args.generator, args.mask_network, args.encoder
        convert(*files, output, DTYPES[args.dtype], on_step)
    # "./": a bare name may stand for another model
    name = output if output.is_absolute() else f"./{output}"
    tell(f"wrote {output}, use it with --model {name}")
    return EXIT_DONE


def push(args: argparse.Namespace) -> int:
    """Publish a model folder on the Hub."""
    say(f"{repository.push(args.folder, args.repo, args.private)}\n")
    return EXIT_DONE


def fetch(args: argparse.Namespace) -> int:
    """Download the authors' checkpoints and convert them to a model folder."""
    output = None if args.output is None else outputs.folder_name(args.output)
    with (
        nullcontext() if output is None else outputs.writable(output.parent),
        console_progress() as progress,
    ):
        folder = fetch_ffhq(
            output, args.mask_network, DTYPES[args.dtype], args.keep, progress, tell
        )
    kept = f"; the downloaded files are in {cache.downloads_folder()}" if args.keep else ""
    tell(f"wrote {folder}, use it with --model ffhq{kept}")
    return EXIT_DONE
