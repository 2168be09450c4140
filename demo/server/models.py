"""The models a page offers: named when it starts, each loaded once, when it is first chosen."""

import logging
import math
import reprlib
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import torch

from stylemask_core import InvalidInputError, ModelConfig, StyleMaskError, StyleMaskPipeline
from stylemask_core.checks import pick_device
from stylemask_core.downloads import Progress
from stylemask_core.models.model_source import is_hub_id, locate
from stylemask_core.style_space import StyleSpace

POLL = 0.2  # [s] between two looks at a model that is being loaded

logger = logging.getLogger(__name__)


class Described(Protocol):
    """What the page says of a model: a pipeline has it, and so has an `Outline`."""

    name: str
    revision: str
    config: ModelConfig
    device: torch.device

    @property
    def space(self) -> StyleSpace:
        """Its layers."""


@dataclass
class Outline:
    """A model of which only the config has been read."""

    name: str
    revision: str
    config: ModelConfig
    device: torch.device

    @cached_property
    def space(self) -> StyleSpace:
        """Its layers."""
        return StyleSpace(self.config)


class Models:
    """The configured models; visitors can name these and no others.

    Args:
        names: what `StyleMaskPipeline.from_pretrained` takes; the first is the default and is
            loaded at once.
        device: for all of them.
        progress: told of the download of the first.
        background: do not wait for the weights of the first; should they turn out to be damaged,
            the log and every call that needs them say so.
    """

    def __init__(
        self,
        names: Sequence[str],
        device: str = "auto",
        progress: Progress | None = None,
        background: bool = False,
    ) -> None:
        self._device = device
        self._names = _labelled(names)
        self._lock = threading.Lock()
        self._loads: dict[str, _Load] = {}
        label = self.labels[0]
        self.first: Described
        if background:
            picked = pick_device(device)  # before anything is downloaded
            source = locate(self._names[label], progress=progress)
            config = ModelConfig.load(source.folder)
            self.first = Outline(label, source.revision, config, picked)
            self._load(label).pipeline.add_done_callback(_log_failure)
        else:
            self.first = self._wait(label, progress)

    @property
    def labels(self) -> list[str]:
        """What the models are called on the page and by programs, the default first."""
        return list(self._names)

    def check(self, label: Any) -> str:
        """The label of a model; None stands for the default."""
        if label is None:
            return self.labels[0]
        if not isinstance(label, str) or label not in self._names:
            raise InvalidInputError(
                f"model {reprlib.repr(label)} is not offered here: choose "
                f"{' or '.join(self._names)}"
            )
        return label

    def known_space(self, label: str | None) -> StyleSpace | None:
        """The layers of a model as far as they are known without waiting for it."""
        if label in (None, self.labels[0]):
            return self.first.space
        with self._lock:
            load = self._loads.get(label or "")
        return load.pipeline.result().space if load and load.succeeded else None

    def get(
        self, label: Any = None, report: Progress | None = None, patience: float = math.inf
    ) -> StyleMaskPipeline:
        """Return a model, loading it if nobody did before.

        All who wait for one model wait for the same load; after a failed one the next call
        tries again.

        Args:
            label: one of `labels`; None for the default.
            report: called again and again while files of the model are being downloaded.
            patience: how long to wait for it [s].
        """
        label = self.check(label)
        try:
            return self._wait(label, report, patience)
        except StyleMaskError as error:
            # visitors know the model by its label, and not the folders of the server
            raise type(error)(str(error).replace(self._names[label], label)) from error

    def _wait(
        self, label: str, report: Progress | None, patience: float = math.inf
    ) -> StyleMaskPipeline:
        load, end = self._load(label), time.monotonic() + patience
        while not wait([load.pipeline], timeout=POLL).done:
            if report is not None and load.state is not None:
                report(*load.state)
            if time.monotonic() > end:
                raise InvalidInputError(f"model {label!r} is being loaded: try again in a minute")
        return load.pipeline.result()

    def _load(self, label: str) -> "_Load":
        """The load of a model, under way or done; begun here if need be."""
        with self._lock:
            load = self._loads.get(label)
            if load is None or (load.pipeline.done() and not load.succeeded):
                load = self._loads[label] = _Load(label, self._names[label], self._device)
            return load


class _Load:
    """One attempt to load a model, in a thread of its own that does not outlive the server."""

    def __init__(self, label: str, name: str, device: str) -> None:
        self.pipeline: Future[StyleMaskPipeline] = Future()
        self.state: tuple[str, int, int] | None = None  # of its download

        def progress(what: str, done: int, total: int) -> None:
            self.state = what, done, total

        def load() -> None:
            try:
                pipeline = StyleMaskPipeline.from_pretrained(name, device=device, progress=progress)
            except BaseException as error:  # whoever waits for the model is told
                self.pipeline.set_exception(error)
            else:
                pipeline.name = label
                self.pipeline.set_result(pipeline)

        threading.Thread(target=load, name=f"load {name}", daemon=True).start()

    @property
    def succeeded(self) -> bool:
        return self.pipeline.done() and self.pipeline.exception() is None


def _log_failure(load: "Future[StyleMaskPipeline]") -> None:
    """Tell the terminal what visitors are told when they ask for the model."""
    if error := load.exception():
        logger.error("error: %s", " ".join(str(error).split()))


def _labelled(names: Sequence[str]) -> dict[str, str]:
    """Short labels → names: a repository without its revision, of a path the last part.

    Visitors need not see the folders of the server; names that would share a label stay whole.
    """
    names = list(dict.fromkeys(names))
    short = [
        name.partition("@")[0] if is_hub_id(name) else Path(name).name or name for name in names
    ]
    return {
        label if short.count(label) == 1 else name: name
        for label, name in zip(short, names, strict=True)
    }
