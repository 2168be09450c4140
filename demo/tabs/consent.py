"""Consent to process photos of people: asked once a visit, before the first photo."""

import gradio as gr

from demo.texts import text


class Consent:
    """One answer, with a box to tick wherever photos are taken."""

    def __init__(self) -> None:
        self._boxes: list[gr.Checkbox] = []

    def box(self, name: str) -> gr.Checkbox:
        """A place to give consent.

        Args:
            name: id of the component.
        """
        box = gr.Checkbox(
            label=text("page.consent"),
            info=text("page.consent_info"),
            elem_id=name,
            elem_classes="consent",
        )
        self._boxes.append(box)
        return box

    def connect(self) -> None:
        """Let an answer given at one place count at all of them; to be called in the end."""
        for box in self._boxes:
            others = [other for other in self._boxes if other is not box]
            if others:
                copies = f"(given) => Array({len(others)}).fill(given)"
                box.input(None, box, others, js=copies, api_visibility="private")
