"""Start the demo: `python app.py`, on a machine of one's own or as a Hugging Face Space."""

import argparse
import io
import math
import os
import shutil
import signal
import socket
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import gradio as gr

    from demo.guard import Password
    from demo.models import Models

HOST, PORT = "127.0.0.1", 7860
KEEP_HOURS = 3.0  # uploads and results
DRAIN_LIMIT = 20.0  # [s] for what is running when the server is told to stop
SCRATCH = "stylemask-"  # folders of this program in the system's one for temporary files


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the flags; the environment gives their defaults."""
    env = os.environ.get
    parser = argparse.ArgumentParser(description="Open the StyleMask demo in a web page.")
    parser.add_argument(
        "--model",
        action="append",
        help="embedded, ffhq, a model folder or user/repo@revision on the Hub; give it again for "
        "each model that visitors may choose (also STYLEMASK_MODEL, with commas between)",
    )
    parser.add_argument(
        "--host",
        default=env("GRADIO_SERVER_NAME") or HOST,
        help=f"address to listen on; 0.0.0.0 admits other machines (default {HOST})",
    )
    parser.add_argument(
        "--port",
        type=port_number,
        default=env("GRADIO_SERVER_PORT") or PORT,
        help=f"port of the page (default {PORT})",
    )
    parser.add_argument("--share", action="store_true", help="also open a public gradio.live link")
    parser.add_argument(
        "--auth",
        metavar="USER:FILE",
        help="let in only who knows the password in the first line of a file; MCP is off then",
    )
    parser.add_argument(
        "--keep",
        type=hours,
        default=KEEP_HOURS,
        metavar="HOURS",
        help=f"delete uploads and results after that time (default {KEEP_HOURS:g})",
    )
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1 … (default auto)")
    args = parser.parse_args(argv)
    configured = [name.strip() for name in env("STYLEMASK_MODEL", "").split(",")]
    args.model = args.model or [name for name in configured if name] or ["embedded"]
    return args


def port_number(text: str) -> int:
    """A TCP port.

    Raises:
        ArgumentTypeError: it is no whole number in 1…65535.
    """
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port: give a whole number 1…65535")
    return int(text)


def hours(text: str) -> float:
    """A length of time [h].

    Raises:
        ArgumentTypeError: it is no number above 0.
    """
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is no time: give a number of hours above 0")
    return value


def port_problem(host: str, port: int) -> str | None:
    """Say in one line why nothing can listen there, or None."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except (OSError, UnicodeError):
        return f"host {host!r} is unknown: give an address of this machine with --host"
    with socket.socket(family, kind) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except PermissionError:
            return f"port {port} is not open to ordinary users: choose one above 1023 with --port"
        except OSError as error:
            if "in use" in str(error):
                return f"port {port} is in use: choose another with --port"
            return f"cannot listen on {host}: {error.strerror}; choose another with --host"
    return None


def bypass_proxy() -> None:
    """Reach the page on this machine directly: Gradio asks it once whether it is up."""
    for name in ("NO_PROXY", "no_proxy"):
        os.environ[name] = ",".join(filter(None, [os.environ.get(name), "localhost,127.0.0.1"]))


def share(demo: "gr.Blocks") -> None:
    """Open the public link, or say why there is none; the local page runs either way."""
    from gradio import networking

    try:
        demo.share_url = networking.setup_tunnel(
            demo.server_name, demo.server_port, demo.share_token, None, None
        )
    except Exception as error:  # anything from the network to the tunnel program
        reason = " ".join(str(error.__cause__ or error).split()) or type(error).__name__
        print(f"No public link: {reason}. The local page is up all the same.", flush=True)
        return
    demo.share = True
    print(f"Public link: {demo.share_url}", flush=True)


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """A folder of this process's own, deleted in the end: Gradio's usual one is everybody's.

    What a process left there that was killed is deleted by the next one.
    """
    for left in Path(tempfile.gettempdir()).glob(f"{SCRATCH}[0-9]*-*"):
        pid = left.name.removeprefix(SCRATCH).partition("-")[0]
        if pid.isdigit() and (int(pid) == os.getpid() or not running(int(pid))):
            shutil.rmtree(left, ignore_errors=True)
    prefix = f"{SCRATCH}{os.getpid()}-"
    with tempfile.TemporaryDirectory(prefix=prefix, ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def running(pid: int) -> bool:
    """Whether there is a process of that number."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:  # somebody else's
        return True
    return True


def set_up_gradio(scratch: Path) -> None:
    """Tell Gradio where files go and that nothing is to be reported; before its import."""
    os.environ.setdefault("GRADIO_TEMP_DIR", str(scratch / "files"))
    os.environ.setdefault("GRADIO_EXAMPLES_CACHE", str(scratch / "examples"))
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"


def main(argv: list[str] | None = None) -> int:
    """Start the page and serve until interrupted; returns the exit code."""
    args = parse_args(argv)
    if problem := port_problem(args.host, args.port):
        return fail(problem)
    # leave by the same way as after Ctrl+C, so that visitors' pictures are deleted
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with scratch_folder() as scratch:
        set_up_gradio(scratch)
        zero_gpu = bool(os.environ.get("SPACES_ZERO_GPU"))
        if zero_gpu:
            import spaces  # noqa: F401 - has to come before torch
        from demo.guard import read_password
        from demo.models import Models
        from stylemask_core import StyleMaskError
        from stylemask_core.progress import console_progress

        try:
            password = read_password(args.auth) if args.auth else None
            with console_progress() as progress:
                # where a GPU is lent, the model has to be there before the first loan
                models = Models(args.model, args.device, progress, background=not zero_gpu)
        except StyleMaskError as error:
            return fail(" ".join(str(error).split()))
        bypass_proxy()
        return serve(models, args, password)


def serve(models: "Models", args: argparse.Namespace, password: "Password | None") -> int:
    """Launch the page and block until interrupted; returns the exit code."""
    from demo import build_demo, launch_options
    from demo.guard import launch_security

    demo = build_demo(models, args.keep)
    security = launch_security(bool(os.environ.get("SPACE_ID")), args.share, password)
    try:
        with redirect_stdout(io.StringIO()):  # Gradio tells of MCP whether asked or not
            demo.launch(
                server_name=args.host,
                server_port=args.port,
                prevent_thread_lock=True,
                quiet=True,
                **launch_options(),
                **security,
            )
    except OSError:  # another program took the port while the model was loading
        return fail(f"port {args.port} is in use: choose another with --port")
    demo.retention.start(Path(os.environ["GRADIO_TEMP_DIR"]))
    print(f"StyleMask is up at {demo.local_url} (stop with Ctrl+C)", flush=True)
    if args.share:
        share(demo)
    wait_for_end(demo)
    return 0


def wait_for_end(demo: "gr.Blocks") -> None:
    """Serve until told to stop: at once by Ctrl+C, with what is running finished by SIGTERM."""
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    with suppress(KeyboardInterrupt):
        stop.wait()
        demo.line.drain(DRAIN_LIMIT)
    demo.close(verbose=False)


def fail(line: str) -> int:
    """Report an error; returns the exit code."""
    print(f"error: {line}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
