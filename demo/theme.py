"""The look: Gradio theme and style sheet, with fonts that are already on the reader's machine."""

from typing import Any

import gradio as gr

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


DICE = (
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 24 24'%3E"
    "%3Cpath fill-rule='evenodd' d='M6 3h12a3 3 0 0 1 3 3v12a3 3 0 0 1-3 3H6a3 3 0 0 1-3-3V6a3 3 0"
    " 0 1 3-3Zm2 3.4a1.6 1.6 0 1 0 0 3.2 1.6 1.6 0 0 0 0-3.2Zm8 0a1.6 1.6 0 1 0 0 3.2 1.6 1.6 0 0"
    " 0 0-3.2Zm-4 4a1.6 1.6 0 1 0 0 3.2 1.6 1.6 0 0 0 0-3.2Zm-4 4a1.6 1.6 0 1 0 0 3.2 1.6 1.6 0 0"
    " 0 0-3.2Zm8 0a1.6 1.6 0 1 0 0 3.2 1.6 1.6 0 0 0 0-3.2Z'/%3E%3C/svg%3E"
)
CSS = """
.gradio-container {
  width: 100% !important; max-width: 1120px !important; margin: 0 auto !important;
}
.gradio-container .html-container { padding: 0; }
.dark { --color-accent: var(--primary-400); }
footer .divider:last-of-type { display: none; }

#header { padding: 1.2rem 0 .2rem; }
#header h1 { font-size: 2.1rem; font-weight: 700; letter-spacing: -.025em; margin: 0 0 .4rem; }
#header p { max-width: 46rem; margin: 0; font-size: 1.02rem; line-height: 1.55; }
#header p, .hint, .caption, #footer { color: var(--body-text-color-subdued); }
#header b, .caption b, #footer b { color: var(--body-text-color); font-weight: 600; }

/* Pictures fill their tiles; the browser smooths them. */
.tile { gap: .4rem !important; }
.caption { font-size: .92rem; min-height: 1.45em; }
.caption b { margin-right: .3em; }
.tile .image-container, .tile .empty { aspect-ratio: 1; }
.tile .block, .tile .image-frame, .tile .image-container, .tile .image-container > button {
  width: 100%; height: auto !important;
}
.tile img {
  width: 100%; height: 100%; aspect-ratio: 1; object-fit: cover; display: block;
  border-radius: var(--radius-lg); image-rendering: auto;
}
.tile .empty {
  min-height: 0 !important; border: 1px dashed var(--border-color-primary);
  border-radius: var(--radius-lg);
}
.tile.result .caption b { color: var(--color-accent); }

/* The dice sits inside its seed's card. */
.seed { position: relative; }
.seed input { padding-right: 6rem !important; }
.dice { position: absolute !important; right: 17px; bottom: 16px; }
.dice::before {
  content: ""; margin-right: .4rem; width: 1.15rem; height: 1.15rem; background: currentColor;
  mask: url("@DICE@") center / contain no-repeat;
}

.sheets .grid-wrap, .examples .grid-wrap {
  height: auto !important; min-height: 0 !important; max-height: none !important; padding: 0;
}
.sheets .grid-container, .examples .grid-container { padding: 0 !important; gap: .6rem; }
.sheets, .examples { border: none !important; background: none !important; }
.sheets .thumbnail-lg, .examples .thumbnail-lg {
  aspect-ratio: auto; height: auto; display: flex; flex-direction: column;
}
.sheets img { aspect-ratio: 1 / 2; height: auto; }
.examples img { aspect-ratio: 2 / 1; height: auto; }
.sheets .caption-label, .examples .caption-label {
  position: static; max-width: 100%; border: none; padding: .3rem .6rem; font-size: .82rem;
}

.hint { font-size: .92rem; }
.figure { background: white !important; border-radius: var(--radius-lg); padding: .9rem; }
/* An error is told in a message; the last figure stays in view. */
.figure [data-testid="status-tracker"]:has(.error) { display: none !important; }
.figure img { width: 100%; height: auto; display: block; }

#footer {
  margin-top: 1rem; padding: 1rem 0 0; border-top: 1px solid var(--border-color-primary);
  border-radius: 0; font-size: .86rem; line-height: 1.6;
}

/* Buttons on a picture stay out of its way until the pointer is there. */
@media (hover: hover) {
  .tile .icon-button-wrapper, .figure .icon-button-wrapper { opacity: 0; transition: opacity .15s; }
  .tile:hover .icon-button-wrapper, .figure:hover .icon-button-wrapper,
  .icon-button-wrapper:focus-within { opacity: 1 !important; }
}
@media (hover: none) { .figure { padding-top: 2.6rem; } }

/* Columns such that the four small tiles are as high as the result. */
@media (min-width: 641px) {
  .reenactment { display: grid !important; grid-template-columns: calc(50% - 1.4rem) 1fr; }
}
@media (max-width: 640px) {
  #header { padding-top: .4rem; }
  #header h1 { font-size: 1.7rem; }
  /* source and target share a row, the result has its own */
  .trio { display: grid !important; grid-template-columns: 1fr 1fr; }
  .trio > .result { grid-column: 1 / -1; }
  .trio > .tile:not(.result) .caption { min-height: 2.9em; }
  .controls .form { flex-direction: column; }
  .sheets .grid-container { grid-template-columns: repeat(4, minmax(0, 1fr)) !important; }
  .examples .grid-container { grid-template-columns: repeat(2, minmax(0, 1fr)) !important; }
  .figure.wide { overflow-x: auto !important; }
  .figure.wide .image-container { min-width: 820px; }
}
""".replace("@DICE@", DICE)
