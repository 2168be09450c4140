"""What the project's way costs, against the authors' way in the same run.

    python -m benchmarks NAME [--json] [--record NAME], NAME one of pair, synthesis, encode, load,
        serve, page, threads, watermark, ops
    python -m benchmarks plot NAME

Without --model the networks of the FFHQ-1024 model are given random weights, once, in this
project's cache folder; serve, page and watermark take the embedded model. docs/performance.md says
how figures are measured and what they mean.
"""

import argparse
import importlib
import os
import signal
import sys
from pathlib import Path

from benchmarks.process import BenchmarkError

EMBEDDED_FOLDER = Path(__file__).parents[1] / "stylemask_core" / "weights" / "heads"
BENCHMARKS = (
    "pair",
    "synthesis",
    "encode",
    "load",
    "serve",
    "page",
    "threads",
    "watermark",
    "ops",
)
OF_EMBEDDED = ("serve", "page", "watermark")  # they take the embedded model


def count(text: str) -> int:
    """A whole number of 1 or more.

    Raises:
        ArgumentTypeError: it is none.
    """
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not usable: give a whole number from 1 on")
    return int(text)


def model_folder(text: str) -> Path:
    """A model folder; "embedded" is the one that comes with the project."""
    return EMBEDDED_FOLDER if text == "embedded" else Path(text)


def record_name(text: str) -> str:
    """The name of a file in benchmarks/results, without its ending.

    Raises:
        ArgumentTypeError: it might be no plain file name.
    """
    from benchmarks.report import RECORD_NAME

    if not RECORD_NAME.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no name: use a-z, 0-9 and -")
    return text


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=(__doc__ or "").split("\n")[0]
    )
    commands = parser.add_subparsers(dest="benchmark", required=True)
    for name in BENCHMARKS:
        command = commands.add_parser(name)
        command.add_argument("--json", action="store_true", help="print JSON instead of a table")
        command.add_argument(
            "--model",
            type=model_folder,
            default=EMBEDDED_FOLDER if name in OF_EMBEDDED else None,
            help=f"a model folder, or embedded, which {', '.join(OF_EMBEDDED)} take by themselves; "
            "the others take FFHQ's networks with random weights",
        )
        command.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
        command.add_argument(
            "--threads",
            type=count,
            default=1,
            help="a process may use (default 1: the least noise in CPU seconds)",
        )
        command.add_argument("--runs", type=count, default=3, help="of each side (default 3)")
        command.add_argument("--quick", action="store_true", help="one run, no sweeps")
        command.add_argument(
            "--record", type=record_name, metavar="NAME", help="keep in benchmarks/results"
        )
        if name == "serve":
            command.add_argument("--clients", type=count, default=4, help="at once (default 4)")
            command.add_argument(
                "--requests", type=count, default=16, help="of all together (default 16)"
            )
        if name == "watermark":
            about = "unmarked, and a fiftieth as many marked of each kind (default 30000)"
            command.add_argument("--pictures", type=count, default=30_000, help=about)
    plot = commands.add_parser(
        "plot", help="write tables and pictures of a recorded file to docs/performance"
    )
    plot.add_argument("name", type=record_name, help="of a file in benchmarks/results")
    return parser.parse_args(argv)


def measure(args: argparse.Namespace) -> None:
    """Run a benchmark, print and record its report.

    Raises:
        BenchmarkError: it cannot be measured.
        StyleMaskError: the model cannot be used.
    """
    from benchmarks import machine, report
    from benchmarks.measure import Settings
    from benchmarks.models import random_model
    from stylemask_core import ModelConfig
    from stylemask_core.checks import pick_device

    pick_device(args.device)
    if args.model is not None:
        ModelConfig.load(args.model)
    settings = Settings(
        model=args.model or random_model(),
        device=args.device,
        threads=args.threads,
        runs=1 if args.quick else args.runs,
        quick=args.quick,
        clients=getattr(args, "clients", 1),
        requests=getattr(args, "requests", 1),
        pictures=getattr(args, "pictures", 1),
    )
    machine.build_operators()
    figures = importlib.import_module(f"benchmarks.{args.benchmark}").run(settings)
    found = report.Report(
        args.benchmark, machine.describe(settings.device, settings.threads), figures
    )
    if args.record:
        report.record(found, args.record)
    print(found.to_json() if args.json else found.table())


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    args = parse_args(argv)
    if args.benchmark != "plot":
        # before torch: in this process nothing is measured
        os.environ.setdefault("OMP_NUM_THREADS", str(args.threads))
    from stylemask_core import StyleMaskError

    try:
        if args.benchmark == "plot":
            from benchmarks import plot

            for path in plot.draw(args.name):
                print(path)
        else:
            measure(args)
    except (BenchmarkError, StyleMaskError, OSError) as error:
        print(f"benchmarks: error: {' '.join(str(error).split())}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    # leave by the same way as after Ctrl+C, so that workers and servers are ended
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    sys.exit(main())
