"""The Gradio page and HTTP endpoints over one pipeline."""
