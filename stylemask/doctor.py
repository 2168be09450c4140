"""What works on this machine, and what to do about the rest."""

import contextlib
import importlib.util
import os
import platform
import shutil
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import torch

from op import build
from stylemask_core import __version__, downloads, threads
from stylemask_core.checks import AUTO, gpu_problem, pick_device
from stylemask_core.errors import StyleMaskError
from stylemask_core.faces import fan, landmarks
from stylemask_core.models import cache, model_folder, model_source
from stylemask_core.pictures import images

RETRY = "try again with: stylemask doctor --build"
OPTIONAL = {  # package → what it is for, and how to get it
    "gradio": ("the demo", "pip install 'stylemask[demo]'"),
    "mcp": ("the demo's calls as tools", "pip install 'stylemask[demo]'"),
    "matplotlib": ("figures of an inspection", "pip install 'stylemask[figures]'"),
    "cv2": ("finding faces in photos", "pip install 'stylemask[faces]'"),
    "face_alignment": ("finding them exactly", "pip install 'stylemask[faces]'"),
    "gdown": ("stylemask fetch", "pip install 'stylemask[fetch]'"),
}
HUB_PATIENCE = 3.0  # [s] for the Hub's answer
ROOM = 4.0  # [GB] that converting the official checkpoints takes, or a Hub model with its download

Level = Literal["ok", "warning", "problem"]


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    name: str
    # "warning": pictures can be made, but not as fast or not all of them; "problem": none
    level: Level
    text: str
    hint: str = ""  # what to do about it


@dataclass(frozen=True)
class Diagnosis:
    """All that was looked at, in the order it is told."""

    findings: list[Finding]
    operators: dict[str, dict[str, Any]]  # of `op.build.status`; empty if settings make no sense

    @property
    def usable(self) -> bool:
        """Whether pictures can be made, however slowly."""
        return all(finding.level != "problem" for finding in self.findings)

    def to_dict(self) -> dict[str, Any]:
        """The same as plain JSON."""
        return {"usable": self.usable, **asdict(self)}


def build_operators() -> None:
    """Compile all operators that this machine has a use for; failures are left for `examine`."""
    for library in build.LIBRARIES.values():
        with contextlib.suppress(build.BuildError):  # the library's status tells
            library.build(retry=True)


def examine(model: str, device: str = "auto") -> Diagnosis:
    """Look at all that making pictures depends on; compiles nothing and downloads nothing.

    The Hub is asked for its front page, unless HF_HUB_OFFLINE is set.

    Args:
        model: as `StyleMaskPipeline.from_pretrained` takes it.
        device: likewise.
    """
    findings = [
        Finding("StyleMask", "ok", f"{__version__}, in {Path(__file__).parent}"),
        Finding("Python", "ok", f"{platform.python_version()}, {sys.executable}"),
        _torch(),
        _device(device),
    ]
    try:
        build.settings()
        operators = build.status()
    except build.BuildError as error:
        operators = {}
        findings.append(Finding("operators", "problem", str(error)))
    findings += [_operators(f"operators for {x}", **state) for x, state in operators.items()]
    findings.append(_model(model))
    findings += [_package(name) for name in OPTIONAL]
    findings += [_landmark_weights(), _faces("faces"), _hub("Hub"), _disk()]
    return Diagnosis(findings, operators)


def _torch() -> Finding:
    text = (
        f"{torch.__version__}, {f'CUDA {torch.version.cuda}' if torch.version.cuda else 'CPU only'}"
    )
    if shutil.which("nvidia-smi") and not torch.cuda.is_available():
        hint = "to use the NVIDIA GPU, install a PyTorch for CUDA that fits its driver"
        return Finding("PyTorch", "warning", f"{text}; it sees no GPU", hint)
    return Finding("PyTorch", "ok", text)


def _device(name: str) -> Finding:
    try:
        device = pick_device(name)
    except StyleMaskError as error:
        return Finding("device", "problem", str(error))
    if device.type == "cuda":
        properties = torch.cuda.get_device_properties(device)
        text = f"{properties.name}, {properties.total_memory / 2**30:.0f} GiB"
        return Finding("device", "ok", f"{device}: {text}")
    text = f"cpu: {torch.backends.cpu.get_cpu_capability()}, {_threads()}"
    if name == AUTO and torch.cuda.is_available() and (problem := gpu_problem()):
        hint = "to use the GPU, install a PyTorch that is built for it, and a driver that fits"
        return Finding("device", "warning", f"{text}; the GPU is not used, {problem}", hint)
    return Finding("device", "ok", text)


def _threads() -> str:
    count = torch.get_num_threads()
    text = "1 thread" if count == 1 else f"{count} threads"
    if variable := next((x for x in threads.VARIABLES if os.environ.get(x)), None):
        return f"{text}, as {variable} says"
    quota = threads.cpu_quota()
    return text if quota is None else f"{text}, under a quota of {quota:g} CPUs"


def _operators(title: str, state: build.State, reason: str, seconds: float) -> Finding:
    if state == "native":
        took = f" in {seconds:g} s" if seconds else ""
        return Finding(title, "ok", f"compiled{took}, {build.cache_folder()}")
    if state == "reference":
        return Finding(title, "ok", f"PyTorch's: {reason}")
    if state == "failed":
        if build.settings().mode == "native":
            return Finding(title, "problem", f"demanded, but {reason}", RETRY)
        return Finding(title, "warning", f"PyTorch's, which are slower: {reason}", RETRY)
    hint = "they will be at first use, or now with: stylemask doctor --build"
    why = f" ({reason})" if reason else ""
    return Finding(title, "warning", f"{state}{why}: PyTorch's are used, which are slower", hint)


def _model(name: str) -> Finding:
    try:
        model = model_source.locate(name, local_files_only=True).load()
    except StyleMaskError as error:
        return Finding("model", "problem", str(error))
    return Finding("model", "ok", f"{name}: {model.config.name}, {model.config.resolution} px")


def _package(name: str) -> Finding:
    purpose, remedy = OPTIONAL[name]
    if not importlib.util.find_spec(name):
        return Finding(name, "warning", f"is missing: it is needed for {purpose}", remedy)
    try:
        importlib.import_module(name)
    except Exception as error:  # a library of the system that is missing, a proxy: whatever it is
        text = f"is there and cannot be loaded: {_reason(error)}; it is needed for {purpose}"
        return Finding(name, "warning", text, remedy)
    return Finding(name, "ok", f"works, for {purpose}")


def _faces(title: str) -> Finding:
    """Search the face of the embedded model's mean picture; nothing is downloaded for it."""
    kind = os.environ.get(landmarks.DETECTOR_VARIABLE) or landmarks.AUTO
    if kind != landmarks.HAAR and not fan.folder_if_there():
        kind = landmarks.HAAR  # what finds faces until the weights are there
    start = time.perf_counter()
    try:
        generator = model_folder.load_model(model_folder.EMBEDDED_FOLDER).generator
        with torch.inference_mode():
            picture = generator(generator.broadcast(generator.mapping.mean[None]))
        detector = landmarks.default_detector(kind)
        faces = detector.detect(images.enlarged(images.to_image(picture)))
    except Exception as error:  # ours, or of the detector's libraries
        text = f"cannot be found: {_reason(error)}"
    else:
        if faces:
            seconds = time.perf_counter() - start
            return Finding(title, "ok", f"{detector.name} found one in a trial, {seconds:.1f} s")
        text = f"{detector.name} finds none in a picture that shows one"
    return Finding(title, "warning", text, landmarks.INSTALL_HINT)


def _reason(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def _landmark_weights() -> Finding:
    kind = os.environ.get(landmarks.DETECTOR_VARIABLE) or landmarks.AUTO
    if kind == landmarks.HAAR:
        text = f"not used: {landmarks.DETECTOR_VARIABLE}={kind}"
        return Finding(fan.WHAT, "ok", text)
    if folder := fan.folder_if_there():
        return Finding(fan.WHAT, "ok", f"in {folder}")
    hint = (
        "they are downloaded with the first photo; or name a folder that has them in "
        f"{fan.WEIGHTS_VARIABLE}"
    )
    text = "are not here; until then a simpler detector finds the faces in photos"
    return Finding(fan.WHAT, "warning", text, hint)


def _hub(title: str) -> Finding:
    from huggingface_hub import constants
    from huggingface_hub.utils import get_session

    if constants.is_offline_mode():
        return Finding(title, "ok", "not asked: HF_HUB_OFFLINE is set")
    try:
        get_session().head(constants.ENDPOINT, timeout=HUB_PATIENCE)
    except Exception as error:  # whatever the network, a proxy or a certificate is up to
        if reason := downloads.certificate_trouble(error):
            text, _, hint = reason.partition(": ")
            return Finding(title, "warning", f"{constants.ENDPOINT} is not reached: {text}", hint)
        hint = (
            "models on this machine work all the same, and HF_HUB_OFFLINE=1 keeps the Hub from "
            "being asked; to reach it behind a proxy, set HTTPS_PROXY"
        )
        text = f"{constants.ENDPOINT} is not reached: {_reason(error)}"
        return Finding(title, "warning", text, hint)
    return Finding(title, "ok", f"{constants.ENDPOINT} is reached")


def _disk() -> Finding:
    folder = cache.cache_folder()
    place = folder
    while not place.exists() and place != place.parent:
        place = place.parent
    try:
        with tempfile.TemporaryFile(dir=place):
            free = shutil.disk_usage(place).free / 1e9
    except OSError as error:
        hint = f"name another folder in {cache.HOME_VARIABLE}; until then nothing is kept there"
        return Finding("disk", "warning", f"{folder} cannot be written: {error.strerror}", hint)
    text = f"{free:.1f} GB are free for {folder}"
    if free < ROOM:
        hint = f"a large model needs {ROOM:g} GB: make room, or set {cache.HOME_VARIABLE}"
        return Finding("disk", "warning", text, hint)
    return Finding("disk", "ok", text)
