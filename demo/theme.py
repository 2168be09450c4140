"""The look: Gradio theme and style sheet, with fonts that are already on the reader's machine."""

from typing import Any

import gradio as gr

from demo.texts import asset

SANS = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "Helvetica Neue", "Arial", "sans-serif")
MONO = ("ui-monospace", "SF Mono", "Cascadia Mono", "Menlo", "Consolas", "monospace")


LOOK = {  # variable: by day, by night; None as the theme has it
    "body_background_fill": ("#f6f7f9", "#0f1318"),
    "background_fill_primary": (None, "#171d25"),
    "background_fill_secondary": (None, "#1c232c"),
    "border_color_primary": (None, "#2a323d"),
    "block_background_fill": ("white", "#171d25"),
    "block_border_width": ("1px", None),
    "block_border_color": ("#e3e7ed", "#2a323d"),
    "block_label_background_fill": ("white", "#171d25"),
    "body_text_color_subdued": ("#566173", "#a3afbf"),
    "block_info_text_color": ("#566173", "#a3afbf"),
    "color_accent": ("*primary_700", None),
    "link_text_color": ("*primary_700", "*primary_400"),
    "link_text_color_hover": ("*primary_800", "*primary_300"),
    "link_text_color_visited": ("*primary_800", "*primary_300"),
    "block_label_border_width": ("0px", None),
    "block_shadow": ("none", "none"),
    "block_title_text_weight": ("600", None),
    "button_border_width": ("1px", "1px"),
    "button_primary_border_color": ("*primary_700", "*primary_700"),
    "button_primary_background_fill": ("*primary_700", "*primary_700"),
    "button_primary_background_fill_hover": ("*primary_600", "*primary_600"),
    "button_primary_text_color": ("white", None),
    "button_secondary_background_fill": ("white", "#212934"),
    "button_secondary_background_fill_hover": ("#e9eef3", "#2b3542"),
    "button_secondary_border_color": ("#d3dae3", "#364150"),
    "button_secondary_border_color_hover": ("#b9c3d0", "#4a5768"),
    "input_background_fill": ("#f2f5f8", "#222b36"),
    "input_border_color": (None, "#2a323d"),
    "checkbox_label_background_fill": ("#f2f5f8", "#222b36"),
    "checkbox_label_background_fill_selected": ("#e6f1f4", "#1d3a44"),
    "checkbox_background_color": (None, "#171d25"),
    "table_even_background_fill": ("white", "#171d25"),
    "table_odd_background_fill": ("#f6f8fa", "#1c232c"),
    "table_border_color": ("#e3e7ed", "#2a323d"),
    "slider_color": ("*primary_700", "*primary_500"),
    "checkbox_background_color_selected": ("*primary_700", "*primary_600"),
    "checkbox_border_color_selected": ("*primary_700", "*primary_600"),
}


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
    values = {name: day for name, (day, _) in LOOK.items()}
    values |= {f"{name}_dark": night for name, (_, night) in LOOK.items()}
    return base.set(**{name: value for name, value in values.items() if value is not None})


CSS = asset("style.css")
# Gradio confines `css=` to its own part of the page, and the footer lies outside: on a phone it has
# no link to the API, which the divider would stand behind.
HEAD = "<style>@media (max-width: 640px) { footer .divider { display: none !important; } }</style>"
_SCRIPTS = ",\n".join([asset("page.js", "names"), asset("devices.js", "devices")])
SCRIPT = f"() => [\n{_SCRIPTS}].forEach((run) => run())"
