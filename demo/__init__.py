"""The Gradio page and HTTP endpoints over one pipeline."""

from demo.ui import build_demo, launch_options

__all__ = ["build_demo", "launch_options"]
