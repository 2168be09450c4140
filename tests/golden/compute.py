"""Compute what `expected.safetensors` holds from a converted model, and compare.

    python tests/golden/compute.py MODEL_FOLDER [--markdown]

Prints the deviation of every tensor, max |a - b| / max |b|, as JSON or as the table of
docs/ffhq.md.
"""

import json
import sys
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file

from stylemask_core import StyleMaskPipeline
from tests.golden.make_checkpoints import normal

EXPECTED = Path(__file__).with_name("expected.safetensors")
PSI = 0.7
CROP = slice(464, 560)

Tensors = dict[str, torch.Tensor]


def views(name: str, tensor: torch.Tensor) -> Tensors:
    """A picture as the golden file keeps it: shrunk, and its middle."""
    shrunk = F.avg_pool2d(tensor, 4)
    return {f"{name}_256": shrunk, f"{name}_crop": tensor[:, :, CROP, CROP]}


def random_pair(pipe: StyleMaskPipeline) -> Tensors:
    z = [normal(f"input/z_{role}", (1, 512)) for role in ("source", "target")]
    source, target = (pipe.code(z=values, truncation=PSI) for values in z)
    result = pipe.reenact(source, target)
    return {
        "z.w_source": pipe.code(z=z[0]).w_plus[:, 0],
        "z.wplus_source": source.w_plus,
        "z.style_source": torch.cat(pipe.generator.styles(source.w_plus), 1),
        "z.style_target": torch.cat(pipe.generator.styles(target.w_plus), 1),
        "z.mask": result.mask,
        **views("z.image_source", pipe.synthesize(source).tensor),
        **views("z.image_target", pipe.synthesize(target).tensor),
        **views("z.image_reenacted", result.tensor),
    }


def codes_from_files(pipe: StyleMaskPipeline, expected: Tensors) -> Tensors:
    names = ("wplus.source", "wplus.target")
    source, target = (pipe.code(w_plus=expected[name].numpy()) for name in names)
    return {
        "wplus.source": source.w_plus,
        "wplus.target": target.w_plus,
        **views("wplus.image_reenacted", pipe.reenact(source, target).tensor),
    }


def pictures(pipe: StyleMaskPipeline) -> Tensors:
    small = [
        normal(f"input/image_{role}", (1, 3, 32, 32), 0.5).clamp(-1, 1)
        for role in ("source", "target")
    ]
    batch = F.interpolate(torch.cat(small), size=256, mode="bilinear", align_corners=False)
    codes = pipe.encode(batch)
    # as the authors' script does it: it truncates inverted codes too
    source, target = (pipe.code(w_plus=code, truncation=PSI) for code in codes.split(1))
    return {
        "real.codes_source": codes[:1],
        "real.codes_target": codes[1:],
        **views("real.image_reenacted", pipe.reenact(source, target).tensor),
    }


def deviations(folder: str) -> dict[str, float]:
    pipe = StyleMaskPipeline.from_pretrained(folder, device="cpu")
    expected = load_file(EXPECTED)
    found = random_pair(pipe) | codes_from_files(pipe, expected) | pictures(pipe)
    assert set(found) == set(expected)
    assert all(found[name].shape == expected[name].shape for name in expected)
    return {
        name: float((found[name] - wanted).abs().max() / wanted.abs().max())
        for name, wanted in sorted(expected.items())
    }


if __name__ == "__main__":
    result = deviations(sys.argv[1])
    if "--markdown" in sys.argv:
        rows = "\n".join(f"| `{name}` | {value:.1e} |" for name, value in result.items())
        sys.stdout.write(f"| tensor | largest deviation, relative |\n|---|---|\n{rows}\n")
    else:
        sys.stdout.write(json.dumps(result, indent=1) + "\n")
