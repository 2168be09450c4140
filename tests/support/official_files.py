"""Files in the formats of DECA, FLAME and ArcFace, made of random values or of one value."""

import functools
import pickle
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from scipy.sparse import csc_matrix

State = dict[str, torch.Tensor]
Shapes = Iterator[tuple[str, tuple[int, ...]]]
VERTICES, FACES, JOINTS = 5023, 9976, 5


def norm_shapes(name: str, width: int) -> Shapes:
    for part in ("weight", "bias", "running_mean", "running_var"):
        yield f"{name}.{part}", (width,)
    yield f"{name}.num_batches_tracked", ()


def deca_shapes() -> Shapes:
    """Tensors of DECA's E_flame: torchvision's ResNet-50 without its head, and two layers."""
    yield "encoder.conv1.weight", (64, 3, 7, 7)
    yield from norm_shapes("encoder.bn1", 64)
    before = 64
    for layer, (width, blocks) in enumerate([(64, 3), (128, 4), (256, 6), (512, 3)], 1):
        for block in range(blocks):
            name = f"encoder.layer{layer}.{block}"
            yield f"{name}.conv1.weight", (width, before, 1, 1)
            yield from norm_shapes(f"{name}.bn1", width)
            yield f"{name}.conv2.weight", (width, width, 3, 3)
            yield from norm_shapes(f"{name}.bn2", width)
            yield f"{name}.conv3.weight", (4 * width, width, 1, 1)
            yield from norm_shapes(f"{name}.bn3", 4 * width)
            if block == 0:
                yield f"{name}.downsample.0.weight", (4 * width, before, 1, 1)
                yield from norm_shapes(f"{name}.downsample.1", 4 * width)
            before = 4 * width
    yield "layers.0.weight", (1024, 2048)
    yield "layers.0.bias", (1024,)
    yield "layers.2.weight", (236, 1024)
    yield "layers.2.bias", (236,)


def arcface_shapes() -> Shapes:
    """Tensors of model_ir_se50.pth, by the units of its body."""
    yield "input_layer.0.weight", (64, 3, 3, 3)
    yield from norm_shapes("input_layer.1", 64)
    yield "input_layer.2.weight", (64,)
    widths = [64] * 3 + [128] * 4 + [256] * 14 + [512] * 3
    before = 64
    for unit, width in enumerate(widths):
        name = f"body.{unit}"
        if width != before:
            yield f"{name}.shortcut_layer.0.weight", (width, before, 1, 1)
            yield from norm_shapes(f"{name}.shortcut_layer.1", width)
        yield from norm_shapes(f"{name}.res_layer.0", before)
        yield f"{name}.res_layer.1.weight", (width, before, 3, 3)
        yield f"{name}.res_layer.2.weight", (width,)
        yield f"{name}.res_layer.3.weight", (width, width, 3, 3)
        yield from norm_shapes(f"{name}.res_layer.4", width)
        yield f"{name}.res_layer.5.fc1.weight", (width // 16, width, 1, 1)
        yield f"{name}.res_layer.5.fc2.weight", (width, width // 16, 1, 1)
        before = width
    yield from norm_shapes("output_layer.0", 512)
    yield "output_layer.3.weight", (512, 512 * 7 * 7)
    yield "output_layer.3.bias", (512,)
    yield from norm_shapes("output_layer.4", 512)


def random_state(shapes: Shapes, seed: int = 0) -> State:
    """Values for which neither signals nor normalisations vanish or explode."""
    random = torch.Generator().manual_seed(seed)
    state = {}
    for name, shape in shapes:
        if not shape:
            state[name] = torch.tensor(7)
        elif len(shape) == 1:
            state[name] = torch.rand(shape, generator=random) * 0.5 + 0.25
        else:
            fan_in = int(np.prod(shape[1:]))
            state[name] = torch.randn(shape, generator=random) * fan_in**-0.5
    return state


def flat_state(shapes: Shapes) -> State:
    """Every tensor is one value repeated: the file stays small."""
    return {name: torch.tensor(0.01).expand(shape) for name, shape in shapes}


def chumpy_pickle(content: dict[str, Any], chumpy: tuple[str, ...] = ()) -> bytes:
    """A pickle as Python 2 wrote it, some of its arrays chumpy's, which is not installed."""
    modules = {name: ModuleType(name) for name in ("chumpy", "chumpy.ch", "chumpy.reordering")}
    ch = type("Ch", (), {"__module__": "chumpy.ch"})
    select = type("Select", (ch,), {"__module__": "chumpy.reordering"})
    modules["chumpy.ch"].Ch, modules["chumpy.reordering"].Select = ch, select
    content = dict(content)
    for index, name in enumerate(chumpy):
        values, array = content[name], ch()
        array.x, array._dirty_vars = values, {"x"}
        if index:  # an array can be a choice among another one's values
            array.x = values[::-1].copy()
            chosen = select()
            order = np.arange(values.size).reshape(values.shape)[::-1].ravel()
            chosen.a, chosen.idxs, chosen.preferred_shape = array, order, values.shape
            array = chosen
        content[name] = array
    sys.modules.update(modules)
    try:
        return pickle.dumps(content, protocol=2)
    finally:
        for name in modules:
            del sys.modules[name]


@functools.cache
def flame_arrays(seed: int = 0) -> dict[str, Any]:
    """What generic_model.pkl holds: plain arrays but for the sparse joint regressor.

    One object for all, not to be changed; its largest array is of half precision, for speed.
    """
    random = np.random.default_rng(seed)

    def values(*shape: int) -> np.ndarray:
        some = random.standard_normal(9973, dtype=np.float32)
        return np.resize(some * np.float32(0.01), shape)

    skinning = random.random((VERTICES, JOINTS))
    regressor = np.zeros((JOINTS, VERTICES))
    regressor[np.arange(JOINTS), random.integers(0, VERTICES, JOINTS)] = 1
    parents = np.array([[2**32 - 1, 0, 1, 1, 1], range(JOINTS)], dtype=np.uint32)
    return {
        "v_template": values(VERTICES, 3),
        "f": random.integers(0, VERTICES, (FACES, 3)).astype(np.uint32),
        "shapedirs": values(VERTICES, 3, 400).astype(np.float16),
        "posedirs": values(VERTICES, 3, 36),
        "J_regressor": csc_matrix(regressor),
        "kintree_table": parents,
        "weights": skinning / skinning.sum(1, keepdims=True),
        "bs_style": "lbs",
        "J": values(JOINTS, 3),
    }


def landmark_arrays(seed: int = 0) -> dict[str, Any]:
    """What landmark_embedding.npy holds: numpy's arrays and, for the contours, torch's."""
    random = np.random.default_rng(seed)

    def places(*shape: int) -> tuple[np.ndarray, np.ndarray]:
        weights = random.random((*shape, 3))
        return random.integers(0, FACES, shape), weights / weights.sum(-1, keepdims=True)

    inner, contours, full = places(51), places(79, 17), places(1, 68)
    return {
        "static_lmk_faces_idx": inner[0],
        "static_lmk_bary_coords": inner[1],
        "dynamic_lmk_faces_idx": torch.from_numpy(contours[0]),
        "dynamic_lmk_bary_coords": torch.from_numpy(contours[1]),
        "full_lmk_faces_idx": full[0],
        "full_lmk_bary_coords": full[1],
    }


def write_deca_files(folder: Path) -> dict[str, Path]:
    """deca_model.tar, generic_model.pkl and landmark_embedding.npy, by the converter's names."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = {
        "deca": folder / "deca_model.tar",
        "flame": folder / "generic_model.pkl",
        "landmarks": folder / "landmark_embedding.npy",
    }
    content = {"E_flame": flat_state(deca_shapes()), "E_detail": {}, "D_detail": {}}
    torch.save(content, paths["deca"])
    paths["flame"].write_bytes(chumpy_pickle(flame_arrays(), ("shapedirs", "posedirs")))
    np.save(paths["landmarks"], np.array(landmark_arrays(), dtype=object), allow_pickle=True)
    return paths
