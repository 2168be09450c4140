"""Start the demo: `python app.py`, on a machine of one's own or as a Hugging Face Space."""

import argparse
import os
import signal
import socket
import sys
import tempfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import gradio as gr

    from demo.models import Models

HOST, PORT = "127.0.0.1", 7860


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


def main(argv: list[str] | None = None) -> int:
    """Start the page and serve until interrupted; returns the exit code."""
    args = parse_args(argv)
    if problem := port_problem(args.host, args.port):
        return fail(problem)
    from demo.models import Models
    from stylemask_core import StyleMaskError
    from stylemask_core.progress import console_progress

    try:
        with console_progress() as progress:
            models = Models(args.model, args.device, progress)
    except StyleMaskError as error:
        return fail(" ".join(str(error).split()))
    bypass_proxy()
    # leave by the same way as after Ctrl+C, so that visitors' pictures are deleted
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    # a folder of this process's own: Gradio's usual one is shared by all users of a machine
    with tempfile.TemporaryDirectory(prefix="stylemask-") as scratch:
        os.environ.setdefault("GRADIO_TEMP_DIR", scratch)
        return serve(models, args)


def serve(models: "Models", args: argparse.Namespace) -> int:
    """Launch the page and block until interrupted; returns the exit code."""
    from demo import build_demo, launch_options

    demo = build_demo(models)
    try:
        demo.launch(
            server_name=args.host,
            server_port=args.port,
            prevent_thread_lock=True,
            quiet=True,
            **launch_options(),
        )
    except OSError:  # another program took the port while the model was loading
        return fail(f"port {args.port} is in use: choose another with --port")
    print(f"StyleMask is up at {demo.local_url} (stop with Ctrl+C)", flush=True)
    if args.share:
        share(demo)
    demo.block_thread()
    return 0


def fail(line: str) -> int:
    """Report an error; returns the exit code."""
    print(f"error: {line}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
