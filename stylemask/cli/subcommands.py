"""The subcommands of `stylemask`: their arguments, and running the one that is asked for."""

import argparse
import re
from collections.abc import Callable, Sequence
from pathlib import Path

from stylemask.cli import (
    console,
    inspect_command,
    machine_commands,
    model_commands,
    options,
    outputs,
    reenact_commands,
    verify_command,
)
from stylemask.cli.parser import Parser, Version, command_of
from stylemask.inspect.mask_edit import THRESHOLD_RANGE
from stylemask_core import __version__
from stylemask_core.errors import UsageError
from stylemask_core.models.model_source import FFHQ

EXIT_USAGE, EXIT_READER_GONE = 2, 141
INPUT = "a picture, a .npy code (z or W+) or seed:7"
CHECKPOINTS = {
    "generator": "StyleGAN2, such as stylegan2-ffhq-config-f.pt",
    "mask-network": "StyleMask's, such as mask_network_1024.pt",
    "encoder": "e4e's, such as e4e_ffhq_encode.pt",
}
EXAMPLES = {
    "mix": (
        "stylemask mix --source-seed 1 --target-seed 2",
        "stylemask mix --source-seed 1 --target-seed 2 --grid --size 256 -o grid.webp",
        "stylemask mix --source-seed 1 --target-seed 2 -o - > mix.png",
    ),
    "reenact": (
        "stylemask reenact me.jpg you.jpg",
        "stylemask reenact group.jpg seed:7 --source-face 2 --paste-back -o result.jpg",
        "stylemask reenact portraits/ poses/ -o results/",
    ),
    "inspect": (
        "stylemask inspect seed:1 seed:2",
        "stylemask inspect me.jpg seed:2 --threshold 0.2 --scale fine=0 -o look/",
        "stylemask inspect seed:1 seed:2 --json",
    ),
    "verify": ("stylemask verify mix.png", "stylemask verify results/ --json"),
    "info": ("stylemask info", "stylemask info ffhq --json"),
    "doctor": ("stylemask doctor", "stylemask doctor --build"),
    "convert": (
        "stylemask convert --generator G.pt --mask-network M.pt --encoder E.pt -o ffhq",
        "stylemask convert --generator G.pt --mask-network M.pt --encoder E.pt --dtype float16",
    ),
    "push": ("stylemask push ffhq/ me/my-model --private",),
    "fetch": ("stylemask fetch ffhq", "stylemask fetch ffhq -o ffhq --dtype float16"),
}
GENERAL_EXAMPLES = (EXAMPLES["mix"][0], EXAMPLES["reenact"][0], EXAMPLES["doctor"][0])


def build_parser() -> tuple[Parser, dict[str, Parser]]:
    """The parser of the program itself, and one a subcommand: `args.run(args)` does its work."""
    common, model = options.common(), options.model()
    mixing, picture, photos = options.mixing(), options.picture(), options.photos()
    about = "Give a face the head pose and expression of another."
    parser = Parser(GENERAL_EXAMPLES, prog="stylemask", description=about)
    about = "show the version and end"
    parser.add_argument("-V", "--version", action=Version, version=__version__, help=about)
    subparsers = parser.add_subparsers(metavar="COMMAND")

    def command(run: Callable[[argparse.Namespace], int], *parents: Parser) -> Parser:
        about, name = (run.__doc__ or "").splitlines()[0], run.__name__
        added: Parser = subparsers.add_parser(
            name,
            examples=EXAMPLES[name],
            parents=[*parents, common],
            help=about,
            description=about,
        )
        added.set_defaults(run=run)
        return added

    mix = command(reenact_commands.mix, mixing, picture, model)
    for role in ("source", "target"):
        mix.add_argument(f"--{role}-seed", type=options.seed, required=True, metavar="N")
    about = f"{_FORMATS}, or - for a PNG on standard output; mix.png if not given"
    options.output(mix, "PICTURE", about)
    mix.set_defaults(paste_back=False)

    reenact = command(reenact_commands.reenact, mixing, picture, photos, model)
    about = f"{INPUT}; folders are paired by sorted name, a single one goes with every file"
    reenact.add_argument("source", metavar="SOURCE", help=f"whose identity is kept: {about}")
    reenact.add_argument("target", metavar="TARGET", help="whose pose is taken: likewise")
    about = "lay the result back into the photo that SOURCE is"
    reenact.add_argument("--paste-back", action="store_true", help=about)
    about = (
        f"{_FORMATS}, or - for a PNG on standard output; a folder if SOURCE or TARGET is one; "
        "reenact.png or reenact/ if not given"
    )
    options.output(reenact, "OUT", about)

    inspect = command(inspect_command.inspect, mixing, photos, model)
    inspect.add_argument("source", metavar="SOURCE", help=INPUT)
    inspect.add_argument("target", metavar="TARGET", help="likewise")
    about = "masks below it take nothing, 0…1 (default 0)"
    threshold = options.number(*THRESHOLD_RANGE, float)
    inspect.add_argument("--threshold", type=threshold, default=0.0, metavar="X", help=about)
    about = "factors of the masks of groups and layers, 0…2, e.g. fine=0,b8.conv0=1.5"
    inspect.add_argument("--scale", type=options.scale, default={}, metavar="NAME=X,…", help=about)
    files = ", ".join(inspect_command.FILES)
    options.output(inspect, "FOLDER", f"gets {files}; inspect/ if neither it nor --json is given")
    inspect.add_argument("--json", action="store_true", help="print the figures as JSON")

    verify = command(verify_command.verify)
    about = "a picture, a folder of them or a pattern"
    verify.add_argument("files", nargs="+", metavar="FILE", help=about)
    verify.add_argument("--json", action="store_true", help="print a list, one object a file")

    info = command(machine_commands.info, model)
    info.add_argument("positional_model", nargs="?", metavar="MODEL", help="as --model")
    info.add_argument("--json", action="store_true", help="print a JSON object")

    doctor = command(machine_commands.doctor, model)
    doctor.add_argument("--build", action="store_true", help="compile operators ahead of use")
    doctor.add_argument("--json", action="store_true", help="print a JSON object")

    convert = command(model_commands.convert)
    for part, about in CHECKPOINTS.items():
        convert.add_argument(f"--{part}", type=Path, required=True, metavar="FILE", help=about)
    about = "model folder to be created; an existing one is replaced; model/ if not given"
    options.output(convert, "FOLDER", about)
    dtypes = list(model_commands.DTYPES)
    about = "of the written weights"
    convert.add_argument("--dtype", choices=dtypes, default=dtypes[0], help=about)

    push = command(model_commands.push)
    push.add_argument("folder", type=Path, metavar="FOLDER", help="model folder")
    push.add_argument("repo", metavar="USER/REPO", help="on the Hub, made if need be")
    push.add_argument("--private", action="store_true", help="a repository that is made is private")

    fetch = command(model_commands.fetch)
    fetch.add_argument("model", choices=[FFHQ], help="the authors' model of photos, 1024 px")
    options.output(fetch, "FOLDER", "to be created; in this project's cache if not given")
    about = "mask_network_1024.pt, where Google Drive does not give it"
    fetch.add_argument("--mask-network", type=Path, metavar="FILE", help=about)
    fetch.add_argument("--dtype", choices=dtypes, default=dtypes[0], help="of the written weights")
    fetch.add_argument("--keep", action="store_true", help="do not delete the downloaded files")
    return parser, subparsers.choices


_FORMATS = f"a picture ({', '.join(outputs.WRITERS)})"


def run(arguments: Sequence[str]) -> int:
    """Do what a command line asks for, and say in one line why it cannot be done; the exit code."""
    console.prepare()
    verbose = "--verbose" in arguments
    try:
        args = _parsed(_joined(arguments))
        code: int = args.run(args)
    except console.ReaderGoneError:
        return EXIT_READER_GONE
    except Exception as error:  # the last resort: a user is never shown a traceback unasked
        console.tell_error(error, verbose)
        return EXIT_USAGE if isinstance(error, UsageError) else console.EXIT_FAILED
    return code


def _parsed(arguments: Sequence[str]) -> argparse.Namespace:
    parser, commands = build_parser()
    command = command_of(arguments, parser, commands)
    return parser.parse_args(arguments) if command is None else command.read(arguments[1:])


def _joined(arguments: Sequence[str]) -> list[str]:
    """Join landmarks that begin with a minus to their option: argparse takes them for another."""
    joined: list[str] = []
    for argument in arguments:
        if joined and joined[-1].endswith("landmarks") and re.match(r"-[\d.]", argument):
            joined[-1] += f"={argument}"
        else:
            joined.append(argument)
    return joined
