"""From the flags to a page that is up; nothing heavy is imported before it is needed."""

import errno
import io
import os
import signal
import sys
import threading
from argparse import Namespace
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from demo.server.flags import parse_args
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
    args = parse_args(argv)
    try:
        return start(args)
    except Exception as error:  # of what is imported or of what the environment says
        if args.verbose:
            raise
        return fail(cause(error))


def start(args: Namespace) -> int:
    """Start the page in a folder of its own; returns the exit code."""
    problem = files_problem() or port_problem(args.host, args.port) or certificates_problem()
    if problem:
        return fail(problem)
    with scratch_folder() as scratch:
        for number, code in ((signal.SIGINT, INTERRUPTED), (signal.SIGTERM, 0)):
            signal.signal(number, lambda *_, code=code: leave(scratch, code))
        set_up_gradio(scratch)
        bypass_proxy(args.host)
        zero_gpu = import_spaces()
        from demo.server.guard import read_password
        from demo.server.models import Models
        from stylemask_core.downloads import console_progress

        password = read_password(args.auth) if args.auth else None
        with console_progress() as progress:
            # where a GPU is lent, the model has to be there before the first loan
            models = Models(args.model, args.device, progress, background=not zero_gpu)
        return serve(models, args, password)


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


def import_spaces() -> bool:
    """On a ZeroGPU Space, import what lends the GPU: before torch; returns whether it is one."""
    if is_zero_gpu():
        import spaces  # noqa: F401
    return is_zero_gpu()


def serve(models: "Models", args: Namespace, password: "Password | None") -> int:
    """Launch the page and block until interrupted; returns the exit code."""
    from demo.page import build_demo, launch_options
    from demo.server.guard import launch_security
    from demo.server.storage import storage

    storage().limit = round(args.disk * 1e9)
    demo = build_demo(models, args.keep)
    security = launch_security(bool(os.environ.get("SPACE_ID")), args.share, password)
    try:
        with redirect_stdout(io.StringIO()):  # Gradio tells of MCP whether asked or not
            demo.launch(
                server_name=in_link(args.host),
                server_port=args.port,
                prevent_thread_lock=True,
                quiet=True,
                **launch_options(),
                **security,
            )
    except OSError as error:  # another program took the port while the model was loading
        return fail(port_problem(args.host, args.port) or cause(error))
    demo.retention.start()
    print(f"StyleMask is up at {demo.local_url} (stop with Ctrl+C)", flush=True)
    if args.share:
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
