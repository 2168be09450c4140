"""Loading the model a command line names."""

import argparse

from stylemask_core.checks import pick_device
from stylemask_core.errors import InvalidInputError, UsageError
from stylemask_core.pipeline import StyleMaskPipeline
from stylemask_core.progress import console_progress


def load(args: argparse.Namespace) -> StyleMaskPipeline:
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
