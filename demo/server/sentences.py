"""Errors → one sentence for people, one line for the log."""

import logging
import reprlib
from collections.abc import Callable, Iterable
from difflib import get_close_matches
from functools import wraps
from inspect import iscoroutinefunction, isgeneratorfunction
from pathlib import Path
from traceback import extract_tb
from typing import Any

import gradio as gr

from stylemask_core import StyleMaskError

LONGEST_LINE = 300  # characters of an error; messages may quote what was sent
WENT_WRONG = "Something went wrong on the server; its log has the details."
UNUSABLE = "The page sent what cannot be used: reload it."
OF_VALUES = (TypeError, ValueError, LookupError, AttributeError)  # what senseless values lead to

logger = logging.getLogger(__name__)


def one_line(error: Exception | str) -> str:
    """The message of an error as a short sentence in one line."""
    line = " ".join(str(error).split()) or type(error).__name__
    line = (line[:1].upper() + line[1:]).encode(errors="replace").decode()  # surrogates
    return line if len(line) <= LONGEST_LINE else line[: LONGEST_LINE - 1] + "…"


def nearest(name: str, choices: Iterable[str], there_are: str) -> str:
    """Words on an unknown name: itself, the one that was probably meant, and all there are."""
    choices = list(choices)
    meant = get_close_matches(name[:100], choices, 1)
    question = f": did you mean {meant[0]}?" if meant else "."
    return f"{reprlib.repr(name)}{question} {there_are} {', '.join(choices) or 'none'}"


def guard_events(page: gr.Blocks) -> None:
    """Have all events of a page answer in one line, whatever happens in them."""
    for event in page.fns.values():
        call = event.fn
        if call and not iscoroutinefunction(call) and not isgeneratorfunction(call):
            event.fn = guarded(call, of_page=event.api_visibility == "private")


def guarded(call: Callable[..., Any], of_page: bool = False) -> Callable[..., Any]:
    """Show foreseen errors as they are; log the others and show one line.

    What only the page calls gets no wrong values, but from who sends some by hand.
    """

    @wraps(call)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        try:
            return call(*args, **kwargs)
        except StyleMaskError as error:
            raise gr.Error(one_line(error), print_exception=False) from error
        except Exception as error:
            raise unforeseen(error, call.__name__, of_page) from error

    return wrapper


def unforeseen(error: Exception, name: str, of_page: bool) -> gr.Error:
    """Log an error that nobody foresaw, and say in one line that there was one."""
    if of_page and isinstance(error, OF_VALUES):
        frame = extract_tb(error.__traceback__)[-1]
        where = f"{Path(frame.filename).name}:{frame.lineno}"
        kind, words = type(error).__name__, one_line(error)
        logger.warning("event %s cannot use its values: %s at %s: %s", name, kind, where, words)
        return gr.Error(UNUSABLE, print_exception=False)
    logger.error("%s failed", name, exc_info=error)
    return gr.Error(WENT_WRONG, print_exception=False)
