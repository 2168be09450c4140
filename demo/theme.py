"""The look: Gradio theme and style sheet, with fonts that are already on the reader's machine."""

import json
from pathlib import Path
from typing import Any

import gradio as gr

from demo.texts import in_all_languages

SANS = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "Helvetica Neue", "Arial", "sans-serif")
MONO = ("ui-monospace", "SF Mono", "Cascadia Mono", "Menlo", "Consolas", "monospace")


def theme() -> Any:
    """Neutral surfaces, one accent (petrol), soft corners."""
    base = gr.themes.Base(
        primary_hue=gr.themes.colors.cyan,
        secondary_hue=gr.themes.colors.cyan,
        neutral_hue=gr.themes.colors.slate,
        text_size=gr.themes.sizes.text_md,
        spacing_size=gr.themes.sizes.spacing_md,
        radius_size=gr.themes.sizes.radius_lg,
        font=SANS,
        font_mono=MONO,
    )
    return base.set(
        body_background_fill="#f6f7f9",
        body_background_fill_dark="#0f1318",
        background_fill_primary_dark="#171d25",
        background_fill_secondary_dark="#1c232c",
        border_color_primary_dark="#2a323d",
        block_background_fill="white",
        block_background_fill_dark="#171d25",
        block_border_width="1px",
        block_border_color="#e3e7ed",
        block_border_color_dark="#2a323d",
        block_label_background_fill="white",
        block_label_background_fill_dark="#171d25",
        body_text_color_subdued="#566173",
        body_text_color_subdued_dark="#a3afbf",
        block_info_text_color="#566173",
        block_info_text_color_dark="#a3afbf",
        color_accent="*primary_700",
        link_text_color="*primary_700",
        link_text_color_hover="*primary_800",
        link_text_color_visited="*primary_800",
        link_text_color_dark="*primary_400",
        link_text_color_hover_dark="*primary_300",
        link_text_color_visited_dark="*primary_300",
        block_label_border_width="0px",
        block_shadow="none",
        block_shadow_dark="none",
        block_title_text_weight="600",
        button_border_width="1px",
        button_border_width_dark="1px",
        button_primary_border_color="*primary_700",
        button_primary_border_color_dark="*primary_700",
        button_primary_background_fill="*primary_700",
        button_primary_background_fill_hover="*primary_600",
        button_primary_background_fill_dark="*primary_700",
        button_primary_background_fill_hover_dark="*primary_600",
        button_primary_text_color="white",
        button_secondary_background_fill="white",
        button_secondary_background_fill_hover="#e9eef3",
        button_secondary_background_fill_dark="#212934",
        button_secondary_background_fill_hover_dark="#2b3542",
        button_secondary_border_color="#d3dae3",
        button_secondary_border_color_dark="#364150",
        button_secondary_border_color_hover="#b9c3d0",
        button_secondary_border_color_hover_dark="#4a5768",
        input_background_fill="#f2f5f8",
        input_background_fill_dark="#222b36",
        input_border_color_dark="#2a323d",
        checkbox_label_background_fill="#f2f5f8",
        checkbox_label_background_fill_selected="#e6f1f4",
        checkbox_label_background_fill_dark="#222b36",
        checkbox_label_background_fill_selected_dark="#1d3a44",
        checkbox_background_color_dark="#171d25",
        table_even_background_fill="white",
        table_even_background_fill_dark="#171d25",
        table_odd_background_fill="#f6f8fa",
        table_odd_background_fill_dark="#1c232c",
        table_border_color="#e3e7ed",
        table_border_color_dark="#2a323d",
        slider_color="*primary_700",
        slider_color_dark="*primary_500",
        checkbox_background_color_selected="*primary_700",
        checkbox_background_color_selected_dark="*primary_600",
        checkbox_border_color_selected="*primary_700",
        checkbox_border_color_selected_dark="*primary_600",
    )


FOLDER = Path(__file__).parent / "assets"
CSS = (FOLDER / "style.css").read_text(encoding="utf-8")
# Gradio confines `css=` to its own part of the page, and the footer lies outside: on a phone it has
# no link to the API, which the divider would stand behind.
HEAD = "<style>@media (max-width: 640px) { footer .divider { display: none !important; } }</style>"


def _script(name: str, part: str) -> str:
    words = json.dumps(in_all_languages(part))
    return (FOLDER / name).read_text(encoding="utf-8").replace("TEXTS", words)


_SCRIPTS = ",\n".join([_script("page.js", "names"), _script("devices.js", "devices")])
SCRIPT = f"() => [\n{_SCRIPTS}].forEach((run) => run())"
