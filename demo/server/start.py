"""From the flags to a page that is up; nothing heavy is imported before it is needed."""

import errno
import io
import os
import signal
import sys
import threading
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from demo.server.flags import Flags, parse_flags
from demo.server.network import (
    TOO_MANY_FILES,
    bypass_proxy,
    certificates_problem,
    files_problem,
    in_link,
    port_problem,
    share,
)
from demo.server.scratch import delete, scratch_folder
from demo.server.zero_gpu import is_zero_gpu

if TYPE_CHECKING:
    import gradio as gr

    from demo.server.guard import Password
    from demo.server.models import Models

DRAIN_LIMIT = 20.0  # [s] for what is running when the server is told to stop
INTERRUPTED = 130  # exit code of a program that Ctrl+C ended


def run(argv: list[str] | None = None) -> int:
    """Start the page and serve until interrupted; returns the exit code."""
    flags = parse_flags(argv)
    try:
        return start(flags)
    except Exception as error:  # of what is imported or of what the environment says
        if flags.verbose:
            raise
        return fail(cause(error))


def start(flags: Flags) -> int:
    """Start the page in a folder of its own; returns the exit code."""
    problem = files_problem() or port_problem(flags.host, flags.port) or certificates_problem()
    if problem:
        return fail(problem)
    with scratch_folder() as scratch:
        for number, code in ((signal.SIGINT, INTERRUPTED), (signal.SIGTERM, 0)):
            signal.signal(number, lambda *_, code=code: leave(scratch, code))
        set_up_gradio(scratch)
        bypass_proxy(flags.host)
        if is_zero_gpu():
            import spaces  # noqa: F401  # lends the GPU, and has to come before torch
        from demo.server.guard import read_password
        from demo.server.models import Models
        from stylemask.cli.console import console_progress

        password = read_password(flags.auth) if flags.auth else None
        with console_progress() as progress:
            # where a GPU is lent, the model has to be there before the first loan
            models = Models(flags.model, flags.device, progress, background=not is_zero_gpu())
        return serve(models, flags, password)


def leave(scratch: Path, code: int) -> NoReturn:
    """End at once, and leave nothing behind: an exception would come up in the midst of imports."""
    delete(scratch)
    os._exit(code)


def set_up_gradio(scratch: Path) -> None:
    """Tell Gradio where files go and that nothing is to be reported; before its import."""
    os.environ["GRADIO_TEMP_DIR"] = str(scratch / "files")
    os.environ.setdefault("GRADIO_EXAMPLES_CACHE", str(scratch / "examples"))
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    for name in ("GRADIO_SERVER_PORT", "GRADIO_NUM_PORTS"):  # its import fails on what is no number
        os.environ.pop(name, None)  # and the port is the flags' affair


def serve(models: "Models", flags: Flags, password: "Password | None") -> int:
    """Launch the page and block until interrupted; returns the exit code."""
    from demo.page import build_demo, launch_options
    from demo.server.guard import launch_security
    from demo.server.storage import storage
    from demo.server.tools import install_tools

    storage().limit = round(flags.disk * 1e9)
    demo = build_demo(models)
    install_tools()
    try:
        with redirect_stdout(io.StringIO()):  # Gradio tells of MCP whether asked or not
            demo.launch(
                server_name=in_link(flags.host),
                server_port=flags.port,
                prevent_thread_lock=True,
                quiet=True,
                **launch_options(),
                **launch_security(bool(os.environ.get("SPACE_ID")), flags.share, password),
            )
    except OSError as error:  # another program took the port while the model was loading
        return fail(port_problem(flags.host, flags.port) or cause(error))
    storage().sweep(flags.keep * 3600, demo.forget)
    print(f"StyleMask is up at {demo.local_url} (stop with Ctrl+C)", flush=True)
    if flags.share:
        print(share(demo), flush=True)
    wait_for_end(demo)
    return 0


def wait_for_end(demo: "gr.Blocks") -> None:
    """Serve until told to stop: at once by Ctrl+C, with what is running finished by SIGTERM."""
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        stop.wait()
        demo.line.drain(DRAIN_LIMIT)
    except KeyboardInterrupt:
        pass
    demo.close(verbose=False)


def cause(error: Exception) -> str:
    """What kept the page from starting, in one line."""
    if isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE):
        return TOO_MANY_FILES
    line = " ".join(str(error).split()) or type(error).__name__
    if isinstance(error, ImportError):
        line += "; pip install -r requirements.txt"
    return line


def fail(line: str) -> int:
    """Report an error; returns the exit code."""
    print(f"error: {line}", file=sys.stderr)
    return 1
