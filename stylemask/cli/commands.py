"""The commands of `stylemask`, by name."""

import importlib
import importlib.util
import os
import signal
from collections.abc import Sequence

from stylemask.cli.main import EXIT_INTERRUPTED, on_signal
from stylemask.cli.model_commands import Convert, Fetch, Push
from stylemask.cli.pair_commands import Mix, Reenact
from stylemask.cli.parser import Command
from stylemask.cli.report_commands import Doctor, Info, Inspect, Verify
from stylemask_core.errors import StyleMaskError

COMMANDS: dict[str, type[Command]] = {
    "mix": Mix,
    "reenact": Reenact,
    "inspect": Inspect,
    "verify": Verify,
    "info": Info,
    "doctor": Doctor,
    "convert": Convert,
    "push": Push,
    "fetch": Fetch,
}


def open_page(flags: Sequence[str]) -> int:
    """Open the demo in a web page."""
    if not importlib.util.find_spec("gradio"):
        raise StyleMaskError("the page needs Gradio: pip install 'stylemask[demo]'")
    # by name: nothing here is built on the page
    start = importlib.import_module("demo.server.start")
    with on_signal(signal.SIGINT, lambda *_: os._exit(EXIT_INTERRUPTED)):
        code: int = start.run([*flags])
    return code
