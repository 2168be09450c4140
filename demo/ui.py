"""The page: header, tabs, footer, and the endpoints behind it."""

from html import escape
from inspect import signature
from typing import Any

import gradio as gr
from pydantic import ValidationError

from demo.api import endpoints
from demo.checks import one_line
from demo.events import SMALL_EVENT
from demo.files import DISPLAY_SIZE
from demo.handlers import Handlers, versions
from demo.inspect_tab import inspect_tab
from demo.mix import mix_tab
from demo.model_choice import ModelChoice
from demo.models import Models
from demo.reenact import reenact_tab
from demo.theme import CSS, theme
from stylemask_core import StyleMaskPipeline
from stylemask_core.operators import operator_state

TITLE = "StyleMask"
HEADER = f"""
<h1>{TITLE}</h1>
<p>Give the <b>source</b> face the head pose and expression of the <b>target</b>, and keep who the
source is. StyleMask does it by exchanging only those style channels of the picture generator that
its masks choose.</p>
"""
QUEUE_SIZE = 64  # visitors waiting before further ones are turned away
CACHE_HOURS = 3  # age at which pictures and downloads are deleted from disk
MAX_UPLOAD = "40mb"
SHORT_SHA = 10  # digits of a commit in the footer


class Page(gr.Blocks):  # type: ignore[misc]
    """Blocks that answer arguments of a wrong number or kind in one line, like other errors."""

    async def preprocess_data(
        self, block_fn: Any, inputs: list[Any], *args: Any, **kwargs: Any
    ) -> Any:
        """Gather an event's arguments; of an endpoint the last ones may be left out.

        Raises:
            Error: they cannot be used.
        """
        try:
            if block_fn.api_visibility == "public":
                left_out = [*signature(block_fn.fn).parameters.values()][len(inputs) :]
                if all(parameter.default is not parameter.empty for parameter in left_out):
                    inputs = inputs + [parameter.default for parameter in left_out]
            return await super().preprocess_data(block_fn, inputs, *args, **kwargs)
        except gr.Error:
            raise
        except ValidationError as error:
            line = "A picture must be sent as a file; in Python, wrap its path in handle_file()."
            raise gr.Error(line, print_exception=False) from error
        except Exception as error:  # Gradio raises whatever its parts raise
            first = str(error).splitlines()[0] if str(error) else type(error).__name__
            line = f"The arguments cannot be used: {one_line(Exception(first))}"
            raise gr.Error(line, print_exception=False) from error


def build_demo(models: Models) -> gr.Blocks:
    """Build the page for the configured models; launch it with `launch_options()`."""
    handlers = Handlers(models)
    age = CACHE_HOURS * 3600
    with Page(title=TITLE, analytics_enabled=False, delete_cache=(600, age)) as demo:
        with gr.Row(elem_id="top"):
            gr.HTML(HEADER, elem_id="header", padding=False, scale=3, min_width=320)
            choice = ModelChoice(models)
        with gr.Tab("Mix", id="mix") as mix:
            mix_tab(mix, handlers, choice)
        with gr.Tab("Reenact", id="reenact") as reenact:
            reenact_tab(reenact, handlers, choice)
        with gr.Tab("Inspect", id="inspect") as inspect:
            inspect_tab(inspect, handlers, choice)
        footer = gr.HTML(_footer(choice.first), elem_id="footer", padding=False)
        # anew for every page that opens: the operators' state changes while the demo runs
        demo.load(lambda: _footer(choice.first), None, footer, **SMALL_EVENT)
        choice.follow(footer, _footer)
        choice.connect()
        endpoints(handlers)
    demo.queue(max_size=QUEUE_SIZE)
    return demo


def launch_options() -> dict[str, Any]:
    """Keyword arguments for `launch()` that belong to the page, not to the machine."""
    return {
        "theme": theme(),
        "css": CSS,
        "footer_links": ["api"],
        "run_history": False,  # faces are personal data: keep no runs in the browser
        "max_file_size": MAX_UPLOAD,
        "ssr_mode": False,
        "enable_monitoring": False,
        "share": False,  # app.py opens the tunnel itself, to say in one line why it failed
    }


def _footer(pipeline: StyleMaskPipeline) -> str:
    config = pipeline.config
    size = f"{config.resolution} px"
    if config.resolution < DISPLAY_SIZE:
        size += f", enlarged to {DISPLAY_SIZE} px for display"
    parts = [
        f"Model <b>{escape(pipeline.name)}</b>: {escape(config.domain or config.name)}, {size}",
        f"Device {str(pipeline.device).upper()}",
        f"Operators {escape(operator_state(pipeline.device)['description'])}",
        f"Commit {pipeline.revision[:SHORT_SHA]}" if pipeline.revision else "",
        f"Licence of the weights {escape(config.licence)}" if config.licence else "",
        ", ".join(f"{name} {version}" for name, version in versions().items()),
    ]
    return " · ".join(part for part in parts if part)
