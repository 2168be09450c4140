"""The compiled operators as the core asks for them; `op.build` makes them."""

from typing import Any

import torch

from op import build
from stylemask_core.errors import OperatorBuildError

DESCRIPTIONS = {
    "native": "compiled",
    "reference": "PyTorch's",
    "not built yet": "PyTorch's",
    "building": "PyTorch's, until the compiler is done",
    "failed": "PyTorch's, see stylemask doctor",
}


def request_operators(device: torch.device) -> None:
    """Have the operators for a device compiled in the background, if they are not yet.

    Args:
        device: where a model is going to run.

    Raises:
        OperatorBuildError: STYLEMASK_OPS=native, and they cannot be had; or a setting makes no
            sense.
    """
    try:
        build.load(device.type)
    except build.BuildError as error:
        raise OperatorBuildError(str(error)) from error


def operator_state(device: torch.device) -> dict[str, Any]:
    """What became of the operators for a device, as plain JSON.

    Returns:
        state, reason and seconds as in `op.build.status`, and `description`: a few words for people
        who do not look after the machine.
    """
    state = build.LIBRARIES[device.type].status()
    return {**state, "description": DESCRIPTIONS[state["state"]]}
