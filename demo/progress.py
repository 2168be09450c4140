"""Words on what is being done, shown where the running event has its outputs."""

import gradio as gr


def say(words: str, done: float = 0.0) -> None:
    """Show what is being done; outside of an event this does nothing.

    Args:
        words: a few, such as "finding the face".
        done: share of the work that lies behind, 0…1.
    """
    gr.Progress()(done, desc=words)


def say_bytes(what: str, done: int, total: int) -> None:
    """Show how far a download is."""
    if 0 < done < total:
        say(f"downloading {what}: {done / 1e6:.0f} of {total / 1e6:.0f} MB", done / total)
    else:
        say(f"loading {what}")
