"""Write three checkpoints in the authors' file format, with deterministic stand-in weights.

    python tests/golden/make_checkpoints.py OUT_DIR

The architecture is the real one (StyleGAN2 FFHQ-1024 config F, 12 mask networks, e4e IR-SE50), so
the files have the real keys, shapes and sizes (about 133, 22 and 1069 MB); only the values are
drawn, each tensor from its own counter-based stream (numpy Philox keyed by the tensor's name), so
every machine writes the same numbers. `expected.safetensors` beside this file holds what the
authors' own code computes from them; README.md says how.
"""

import json
import sys
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

FILES = {
    "generator": "stylegan2-ffhq-config-f_1024.pt",
    "mask_network": "mask_network_1024.pt",
    "encoder": "e4e_ffhq_encode_1024.pt",
}
MANIFEST = json.loads((Path(__file__).parent / "manifest.json").read_text())


def stream(name: str) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(key=zlib.crc32(name.encode())))


def normal(name: str, shape: Sequence[int], std: float = 1.0, mean: float = 0.0) -> torch.Tensor:
    values = stream(name).standard_normal(size=tuple(shape), dtype=np.float32)
    values = values * np.float32(std) + np.float32(mean)
    return torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32))


def draw(part: str, key: str, shape: Sequence[int]) -> torch.Tensor:
    """The value of one tensor of one checkpoint: plausible statistics, deterministic by name."""
    name = f"{part}/{key}"
    if key.endswith("num_batches_tracked"):
        return torch.tensor(1)
    if part == "generator":
        if key.endswith(".kernel"):
            taps = torch.tensor([1.0, 3.0, 3.0, 1.0])
            kernel = torch.outer(taps, taps)
            return kernel / kernel.sum() * 4
        if key.endswith("noise.weight"):
            return normal(name, shape, 0.1)
        if key.startswith("style.") and key.endswith("weight"):
            return normal(name, shape, 100.0)
        if key.endswith("modulation.bias"):
            return normal(name, shape, 0.1, 1.0)
        return normal(name, shape, 0.1 if key.endswith("bias") else 1.0)
    if part == "mask_network":
        if key.endswith("bias"):
            return normal(name, shape, 0.5, -0.5 if ".2." in key else 0.0)
        return normal(name, shape, 0.05 if ".0." in key else 0.15)
    if key.endswith("running_mean"):
        return normal(name, shape, 0.05)
    if key.endswith("running_var"):
        values = stream(name).uniform(0.8, 1.2, size=tuple(shape))
        return torch.from_numpy(values.astype(np.float32))
    if len(shape) == 4:
        gain = 0.5 if "res_layer" in key else 1.0 if "shortcut" in key else 1.4
        return normal(name, shape, float((gain / (shape[1] * shape[2] * shape[3])) ** 0.5))
    if key.endswith("linear.weight"):
        return normal(name, shape, 1.0)
    if key.endswith("bias"):
        return normal(name, shape, 0.02)
    is_prelu = key.split(".")[-2] == "2" and key.endswith("weight")
    return normal(name, shape, 0.02, 0.25 if is_prelu else 1.0)


def state_dict(part: str) -> dict[str, torch.Tensor]:
    return {key: draw(part, key, shape) for key, shape in MANIFEST[part].items()}


def checkpoint(part: str) -> dict[str, object]:
    if part == "generator":
        return {
            "g_ema": state_dict(part),
            "latent_avg": normal("generator/latent_avg", (512,), 0.3),
        }
    if part == "mask_network":
        return {"step": 100000, "mask_net": state_dict(part), "num_layers_control": 12}
    state = {f"encoder.{key}": value for key, value in state_dict(part).items()}
    state["decoder.input.input"] = normal("encoder/decoder.input.input", (1, 512, 4, 4))
    options = {
        "encoder_type": "Encoder4Editing",
        "output_size": 1024,
        "device": "cuda:0",
        "start_from_latent_avg": True,
    }
    mean = normal("encoder/latent_avg", (18, 512), 0.5)
    return {"state_dict": state, "opts": options, "latent_avg": mean}


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for part, filename in FILES.items():
        torch.save(checkpoint(part), folder / filename)
