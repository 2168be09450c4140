"""Subcommands of `stylemask` that make, fetch and publish models: parsed arguments → exit code."""

import argparse
import sys

import torch
from tqdm import tqdm

from stylemask_core.command_line.commands import EXIT_DONE, tell
from stylemask_core.progress import console_progress
from stylemask_core.remote import cache, repository
from stylemask_core.remote.fetch import fetch_ffhq

DTYPES = {"float32": torch.float32, "float16": torch.float16}


def convert(args: argparse.Namespace) -> int:
    """Convert the authors' checkpoints to a model folder."""
    from stylemask_core.convert import STEPS, convert

    # disable=None: drawn on a terminal only
    with tqdm(total=STEPS, file=sys.stderr, disable=None, bar_format="{desc}: {bar}") as bar:

        def on_step(step: str) -> None:
            bar.set_description(step)
            bar.update()

        files = args.generator, args.mask_network, args.encoder
        convert(*files, args.output, DTYPES[args.dtype], on_step)
    # "./": a bare name may stand for another model
    name = args.output if args.output.is_absolute() else f"./{args.output}"
    tell(f"wrote {args.output}, use it with --model {name}")
    return EXIT_DONE


def push(args: argparse.Namespace) -> int:
    """Publish a model folder on the Hub."""
    url = repository.push(args.folder, args.repo, args.private)
    sys.stdout.write(f"{url}\n")
    return EXIT_DONE


def fetch(args: argparse.Namespace) -> int:
    """Download the authors' checkpoints and convert them to a model folder."""
    with console_progress() as progress:
        folder = fetch_ffhq(
            args.output, args.mask_network, DTYPES[args.dtype], args.keep, progress, tell
        )
    kept = f"; the downloaded files are in {cache.downloads_folder()}" if args.keep else ""
    tell(f"wrote {folder}, use it with --model ffhq{kept}")
    return EXIT_DONE
