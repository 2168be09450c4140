"""The page: header, tabs, footer, and the endpoints behind it."""

from collections.abc import Callable
from html import escape
from inspect import signature
from typing import Any

import gradio as gr
from pydantic import ValidationError

from demo.api import endpoints
from demo.events import MODEL_EVENT, SMALL_EVENT
from demo.handlers import Handlers, versions
from demo.server.models import Described, Models
from demo.server.sentences import guard_events, one_line, unforeseen
from demo.server.storage import storage
from demo.server.uploads import LARGEST, NOT_FETCHED, NOT_UPLOADED, check_files, is_link
from demo.server.waiting_line import WaitingLine
from demo.server.zero_gpu import borrow_gpu
from demo.tabs.about_tab import about_tab
from demo.tabs.inspect_tab import inspect_tab
from demo.tabs.link_events import connect_links
from demo.tabs.mix_tab import mix_tab
from demo.tabs.model_choice import ModelChoice
from demo.tabs.reenact_tab import reenact_tab
from demo.tabs.shipped import moving_example
from demo.tabs.verify_tab import verify_tab
from demo.texts import I18N, text
from demo.theme import CSS, HEAD, SCRIPT, theme
from stylemask_core import InvalidInputError
from stylemask_core.networks.synthesis import operator_state
from stylemask_core.pictures.images import OUTPUT_SIZE

TITLE = "StyleMask"
QUEUE_SIZE = 64  # visitors waiting before further ones are turned away
SESSIONS = 1000  # pages open at once that keep their state; each holds half a megabyte
FORGET_CLOSED = 600.0  # [s] a closed page may come back within, with its state
SHORT_SHA = 10  # digits of a commit in the footer


class Page(gr.Blocks):  # type: ignore[misc]
    """Blocks that check calls of their endpoints before they wait, and answer all in one line."""

    def __init__(self, handlers: Handlers, **options: Any) -> None:
        super().__init__(**options)
        self.handlers = handlers

    @property
    def endpoints(self) -> dict[str, Callable[..., Any]]:
        """What programs may call: handlers by the endpoint's name."""
        return {event.api_name: event.fn for event in self.fns.values() if _is_public(event)}

    def check(self, event: Any, values: list[Any]) -> None:
        """Check a call; the page's own events check their values when they run."""
        if _is_public(event):
            self.handlers.arguments.check(event.api_name, event.fn, values)

    def forget(self, age: float) -> None:
        """Drop what is remembered of photos and that old [s], and of pages that were closed."""
        self.handlers.photos.forget(age)
        self.line.queue.forget_closed(FORGET_CLOSED)

    async def preprocess_data(
        self, block_fn: Any, inputs: list[Any], *args: Any, **kwargs: Any
    ) -> Any:
        """Gather an event's arguments; of an endpoint the last ones may be left out."""
        try:
            check_files(inputs)  # before Gradio copies what it is told of
            if _is_public(block_fn):
                left_out = [*signature(block_fn.fn).parameters.values()][len(inputs) :]
                if all(parameter.default is not parameter.empty for parameter in left_out):
                    inputs = inputs + [parameter.default for parameter in left_out]
            return await super().preprocess_data(block_fn, inputs, *args, **kwargs)
        except gr.Error:
            raise
        except ValidationError as error:  # of a picture that is no object with a path
            raise gr.Error(one_line(NOT_UPLOADED), print_exception=False) from error
        except InvalidInputError as error:
            raise gr.Error(one_line(error), print_exception=False) from error
        except Exception as error:  # Gradio raises whatever its parts raise
            if any(is_link(value) for value in inputs):
                raise gr.Error(one_line(NOT_FETCHED), print_exception=False) from error
            first = str(error).splitlines()[0] if str(error) else type(error).__name__
            line = f"The arguments cannot be used: {one_line(first)}"
            raise gr.Error(line, print_exception=False) from error

    async def process_api(self, block_fn: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Run an event; what goes wrong around its function is told as what goes wrong in it."""
        try:
            answer: dict[str, Any] = await super().process_api(block_fn, *args, **kwargs)
            return answer
        except gr.Error:
            raise
        except Exception as error:
            raise unforeseen(error, str(block_fn.name), not _is_public(block_fn)) from error


def _is_public(event: Any) -> bool:
    return bool(event.api_visibility == "public")


def build_demo(models: Models) -> gr.Blocks:
    """Build the page for the configured models; launch it with `launch_options()`."""
    handlers = Handlers(models)
    with Page(handlers, title=TITLE, analytics_enabled=False) as demo:
        with gr.Row(elem_id="top"):
            with gr.Column(elem_id="header", scale=3, min_width=300):
                gr.HTML(f"<h1>{TITLE}</h1>", padding=False)
                gr.HTML(text("page.intro"), elem_id="intro", padding=False)
                choice = ModelChoice(models)
            moving_example()
        with gr.Tab(text("page.tab_mix"), id="mix") as mix:
            mixing = mix_tab(mix, handlers, choice)
        with gr.Tab(text("page.tab_reenact"), id="reenact") as reenact:
            reenact_tab(reenact, handlers, choice)
        with gr.Tab(text("page.tab_inspect"), id="inspect") as inspect:
            inspecting = inspect_tab(inspect, handlers, choice)
        with gr.Tab(text("page.tab_verify"), id="verify") as verify:
            verify_tab(verify, handlers, choice)
        with gr.Tab(text("page.tab_about"), id="about"):
            about_tab()
        footer = gr.HTML(_footer(choice.first), elem_id="footer", padding=False)
        # anew for every page that opens: the operators' state changes while the demo runs
        demo.load(lambda: _footer(choice.first), None, footer, **SMALL_EVENT)
        choice.follow(footer, _footer)
        choose = choice.connect()
        connect_links(demo, handlers, choice, choose, mixing, inspecting)
        endpoints(handlers)
        demo.unload(handlers.forget_visitor)
    demo.queue(max_size=QUEUE_SIZE, api_open=False)  # no way past the queue
    demo.line = WaitingLine(demo, QUEUE_SIZE, demo.check)
    guard_events(demo)
    borrow_gpu(demo, MODEL_EVENT["concurrency_id"])
    storage().serve(demo)
    return demo


def launch_options() -> dict[str, Any]:
    """Keyword arguments for `launch()` that belong to the page, not to the machine."""
    return {
        "theme": theme(),
        "css": CSS,
        "head": HEAD,
        "js": SCRIPT,
        "i18n": I18N,
        "footer_links": ["api", "settings"],
        "run_history": False,  # faces are personal data: keep no runs in the browser
        "max_file_size": LARGEST,
        "ssr_mode": False,
        "enable_monitoring": False,
        "state_session_capacity": SESSIONS,
        # whether the page answers within three seconds: the first time, a busy machine takes longer
        "_frontend": False,
        "share": False,  # app.py opens the tunnel itself, to say in one line why it failed
    }


def _footer(pipeline: Described) -> str:
    config = pipeline.config
    size = f"{config.resolution} px"
    if config.resolution < OUTPUT_SIZE:
        size += f", enlarged to {OUTPUT_SIZE} px for display"
    parts = [
        f"Model <b>{escape(pipeline.name)}</b>: {escape(config.domain or config.name)}, {size}",
        f"Device {str(pipeline.device).upper()}",
        f"Operators {escape(operator_state(pipeline.device)['description'])}",
        f"Commit {pipeline.revision[:SHORT_SHA]}" if pipeline.revision else "",
        f"Licence of the weights {escape(config.licence)}" if config.licence else "",
        ", ".join(f"{name} {version}" for name, version in versions().items()),
    ]
    return " · ".join(part for part in parts if part)
