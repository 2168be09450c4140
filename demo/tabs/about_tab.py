"""About tab: what this is, how it works, what it cannot do, and what is kept."""

import gradio as gr

from demo.texts import text

CITATION = """@inproceedings{bounareli2023stylemask,
  title     = {StyleMask: Disentangling the Style Space of StyleGAN2 for Neural Face Reenactment},
  author    = {Bounareli, Stella and Tzelepis, Christos and Argyriou, Vasileios and
               Patras, Ioannis and Tzimiropoulos, Georgios},
  booktitle = {IEEE International Conference on Automatic Face and Gesture Recognition (FG)},
  year      = {2023},
  doi       = {10.1109/FG57933.2023.10042744}
}"""
LINKS = (
    "[arXiv 2209.13375](https://arxiv.org/abs/2209.13375) · "
    "[doi 10.1109/FG57933.2023.10042744](https://doi.org/10.1109/FG57933.2023.10042744) · "
    "[github.com/StelaBou/StyleMask](https://github.com/StelaBou/StyleMask)"
)


def about_tab() -> None:
    """Fill the tab."""
    with gr.Row(elem_classes="about"):
        for column in (("what", "method", "licence"), ("limits", "consent", "kept")):
            with gr.Column(min_width=300):
                for part in column:
                    gr.Markdown(text(f"about.{part}"))
                if "licence" in column:
                    gr.Code(
                        CITATION, language=None, interactive=False, show_label=False, lines=1,
                        wrap_lines=True, show_line_numbers=False, elem_classes="citation",
                    )  # fmt: skip
                    gr.Markdown(LINKS)
