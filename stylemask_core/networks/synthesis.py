"""The generator's synthesis for inference: prepared once, then as fast as the device allows.

`Generator.synthesize` is the plain and differentiable form of the same arithmetic; the tests hold
one to the other. What is different here: a picture goes through the network alone, so style,
demodulation and gain are folded into the weights; features are channels_last. On a CPU the large
layers are this project's compiled operator, once it is there; on a GPU noise, activation and blur
are its operators, the large resolutions are float16 (StyleGAN2-ADA, Karras et al. 2020) and a
picture is one CUDA graph.
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from ctypes import CDLL
from threading import Lock
from typing import Any

import torch
import torch.nn.functional as F

from op import build, fused_bias_act, upfirdn2d
from op.cuda_library import RECORDING
from op.fused_bias_act import SQRT2
from op.styled_conv import pack, styled_conv
from stylemask_core.errors import OperatorBuildError
from stylemask_core.networks.generator import EPSILON, Generator, StyledConv, ToRGB, blur_kernel
from stylemask_core.style_space import Styles

NEGATIVE_SLOPE = 0.2
HALF_CLAMP = 256.0  # magnitude that float16 features are clamped to (StyleGAN2-ADA)
HALF_RESOLUTIONS = 4  # the largest ones, which a GPU computes in float16
# Resolutions [px] from which the compiled operator for CPUs is worth the memory of its weights.
COMPILED_FROM, COMPILED_UP_FROM = 32, 256
CHANNELS_LAST = torch.channels_last
WARM_UP_CALLS = 3  # before a graph is recorded, so that libraries have chosen their algorithms
KEPT_GRAPHS = 4  # each holds the memory of all its intermediate results
OPERATORS = {  # by the state that `op.build.status` tells of
    "native": "compiled",
    "reference": "PyTorch's",
    "not built yet": "PyTorch's",
    "building": "PyTorch's, until the compiler is done",
    "failed": "PyTorch's, see stylemask doctor",
}

Function = Callable[[Sequence[torch.Tensor]], torch.Tensor]
Layer = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]  # [1, in, H, W], style [1, in]
Block = tuple[list[Layer], Layer]  # convolutions, toRGB


def request_operators(device: torch.device) -> None:
    """Have the operators for a device compiled in the background, if they are not yet."""
    try:
        build.load(device.type)
    except build.BuildError as error:
        raise OperatorBuildError(str(error)) from error


def operator_state(device: torch.device) -> dict[str, Any]:
    """What `op.build.status` tells of a device's operators, and a `description` for people."""
    state = build.LIBRARIES[device.type].status()
    return {**state, "description": OPERATORS[state["state"]]}


class Constants:
    """What every form of a styled convolution needs beside its weight.

    The activation's gain is part of them, since a leaky ReLU passes positive factors on.
    """

    def __init__(self, conv: StyledConv, dtype: torch.dtype) -> None:
        self.weight_gain = conv.weight_gain
        self.power = conv.weight.detach().square().sum((2, 3)).t().contiguous()  # [in, out]
        self.bias = (conv.bias.detach() * SQRT2).to(dtype)
        self.noise = None
        if conv.noise is not None:
            self.noise = (conv.noise * conv.noise_strength * SQRT2).to(dtype)

    def demodulation(self, style: torch.Tensor) -> torch.Tensor:
        """[in] → [out], the activation's gain included; in float32."""
        power = (style * self.weight_gain).square() @ self.power
        return torch.rsqrt(power + EPSILON) * SQRT2


class TorchConv:
    """A styled convolution by PyTorch; style and demodulation are folded into a copy of the weight.

    With `fused` by this project's operators instead of PyTorch's in-place ones.
    """

    def __init__(self, conv: StyledConv, dtype: torch.dtype, fused: bool) -> None:
        weight = conv.weight.detach()
        if conv.up:  # transposed convolutions take [in, out, 3, 3]
            weight = weight.transpose(0, 1)
        self.up, self.dtype, self.fused = conv.up, dtype, fused
        self.constants = Constants(conv, torch.float32 if fused else dtype)  # as they are read
        self.weight = weight.contiguous(memory_format=CHANNELS_LAST)
        self.clamp = HALF_CLAMP if dtype == torch.float16 else None
        self.blur = blur_kernel(gain=4.0).to(weight.device)

    def __call__(self, x: torch.Tensor, style: torch.Tensor) -> torch.Tensor:
        """Features → activated features."""
        x, weight = x.to(self.dtype), self._modulated_weight(style[0])
        bias, noise = self.constants.bias, self.constants.noise
        early_bias = None if self.fused else bias
        if self.up:
            x = self._blurred(F.conv_transpose2d(x, weight, stride=2), early_bias)
        else:
            x = F.conv2d(x, weight, early_bias, padding=1)
        if self.fused:
            return fused_bias_act(x, bias, NEGATIVE_SLOPE, 1.0, noise, self.clamp)
        if noise is not None:
            x.add_(noise)
        x = F.leaky_relu_(x, NEGATIVE_SLOPE)
        return x if self.clamp is None else x.clamp_(-self.clamp, self.clamp)

    def _modulated_weight(self, style: torch.Tensor) -> torch.Tensor:
        gain = self.constants.demodulation(style)
        style = style * self.constants.weight_gain
        before, after = (style, gain) if self.up else (gain, style)
        weight = self.weight * before[:, None, None, None] * after[:, None, None]
        return weight.to(self.dtype)

    def _blurred(self, x: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
        if self.fused:
            return upfirdn2d(x, self.blur, pad=(1, 1))
        channels = x.shape[1]
        kernel = self.blur.to(x.dtype).expand(channels, 1, -1, -1)
        return F.conv2d(x, kernel, bias, padding=1, groups=channels)


class CompiledConv:
    """A styled convolution by the compiled operator for CPUs, which copies the weight."""

    def __init__(self, conv: StyledConv, library: CDLL) -> None:
        self.constants = Constants(conv, torch.float32)
        self.packed = pack(library, conv.weight.detach() * conv.weight_gain, conv.up)

    def __call__(self, x: torch.Tensor, style: torch.Tensor) -> torch.Tensor:
        """Features → activated features."""
        constants = self.constants
        noise = None if constants.noise is None else constants.noise[0, 0]
        gain = constants.demodulation(style[0])
        rest = (noise, constants.bias, NEGATIVE_SLOPE, 1.0)
        return styled_conv(x, self.packed, style[0], gain, *rest)


class TorchToRGB:
    """A toRGB layer for features of a type."""

    def __init__(self, torgb: ToRGB, dtype: torch.dtype) -> None:
        self.weight = torgb.weight.detach() * torgb.weight_gain
        self.bias = torgb.bias.detach().to(dtype)

    def __call__(self, x: torch.Tensor, style: torch.Tensor) -> torch.Tensor:
        """Features → a picture in float32."""
        weight = self.weight * style[0][:, None, None]
        image = F.conv2d(x, weight.to(x.dtype), self.bias)
        if x.dtype == torch.float16:
            image = image.clamp_(-HALF_CLAMP, HALF_CLAMP)
        return image.float()


class CudaGraph:
    """A function for inputs of fixed shapes; may be called from many threads and streams.

    It is to launch work on the current stream only, and to keep no inputs.
    """

    def __init__(self, function: Function, inputs: Sequence[torch.Tensor]) -> None:
        self._inputs = [x.clone() for x in inputs]
        self._device = inputs[0].device
        self._lock = Lock()
        with RECORDING, torch.cuda.device(self._device):
            side = torch.cuda.Stream()  # type: ignore[no-untyped-call]
            side.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(side):
                for _ in range(WARM_UP_CALLS):
                    function(self._inputs)
            torch.cuda.current_stream().wait_stream(side)
            self._graph = torch.cuda.CUDAGraph()
            # on a stream of this device, and without forbidding other threads to use theirs
            with torch.cuda.graph(self._graph, stream=side, capture_error_mode="thread_local"):
                self._output = function(self._inputs)
            self._done = torch.cuda.Event()  # type: ignore[no-untyped-call]

    def __call__(self, inputs: Sequence[torch.Tensor]) -> torch.Tensor:
        """Run the function on inputs of the recorded shapes."""
        with self._lock, torch.cuda.device(self._device):
            # every call reads and writes the same memory, whatever stream it comes from
            stream = torch.cuda.current_stream()
            stream.wait_event(self._done)
            for own, x in zip(self._inputs, inputs, strict=True):
                own.copy_(x)
            self._graph.replay()
            output = self._output.clone()
            self._done.record(stream)
            return output


class Recorded:
    """A function that is recorded as a CUDA graph for the input shapes of its latest calls.

    `version` tells of what it reads beside its inputs, such as operators compiled meanwhile;
    for another value it is recorded anew.
    """

    def __init__(self, function: Function, version: Callable[[], object] = lambda: None) -> None:
        self._function, self._version = function, version
        self.graphs: OrderedDict[object, CudaGraph] = OrderedDict()
        self._lock = Lock()

    def __call__(self, *inputs: torch.Tensor) -> torch.Tensor:
        """Run the function, recorded if the inputs lie on a GPU."""
        if not inputs[0].is_cuda:
            return self._function(inputs)
        key = (self._version(), *((x.shape, x.dtype) for x in inputs))
        with self._lock:
            graph = self.graphs.get(key) or CudaGraph(self._function, inputs)
            self.graphs[key] = graph
            self.graphs.move_to_end(key)
            while len(self.graphs) > KEPT_GRAPHS:
                self.graphs.popitem(last=False)
        return graph(inputs)


class SynthesisNetwork:
    """Styles → pictures; may be called from many threads.

    Args:
        generator: trained, on the device where it is to run; not to be changed afterwards.
        half: compute the HALF_RESOLUTIONS largest resolutions in float16.
        fused: use this project's operators for GPUs; None for yes on a GPU.
    """

    def __init__(self, generator: Generator, half: bool = False, fused: bool | None = None) -> None:
        self._generator, self._half = generator, half
        self._on_cpu = generator.const.device.type == "cpu"
        self._fused = not self._on_cpu if fused is None else fused
        self._const = generator.const.detach().contiguous(memory_format=CHANNELS_LAST)
        self._blur = blur_kernel(gain=4.0).to(self._const.device)
        self._lock = Lock()
        self.blocks: list[Block] = []
        self._compiled = False  # whether the blocks use the compiled operator for CPUs
        self._run = Recorded(self._picture, version=lambda: build.load("cuda") is not None)

    @torch.inference_mode()
    def __call__(self, styles: Styles, rgb_styles: Styles) -> torch.Tensor:
        """The pictures that `Generator.synthesize` makes, one after the other."""
        self._prepare()
        batch = zip(*(torch.split(layer, 1) for layer in (*styles, *rgb_styles)), strict=True)
        return torch.cat([self._run(*one) for one in batch])

    def _prepare(self) -> None:
        # the layers' constants; again when the operator has been compiled meanwhile
        with self._lock:
            library = build.load("cpu") if self._on_cpu else None
            compiled = library is not None
            if self.blocks and compiled == self._compiled:
                return
            blocks: list[Block] = []
            resolutions = self._generator.config.resolutions
            for resolution, block in zip(
                resolutions, self._generator.synthesis_blocks(), strict=True
            ):
                in_half = self._half and resolution in resolutions[-HALF_RESOLUTIONS:]
                dtype = torch.float16 if in_half else torch.float32
                convs: list[Layer] = []
                for conv in block.layers():
                    start = COMPILED_UP_FROM if conv.up else COMPILED_FROM
                    if library is not None and not in_half and resolution >= start:
                        convs.append(CompiledConv(conv, library))
                    else:
                        convs.append(TorchConv(conv, dtype, self._fused))
                blocks.append((convs, TorchToRGB(block.torgb, dtype)))
            # at once, so that a picture that is being made keeps the layers it began with
            self.blocks, self._compiled = blocks, compiled

    def _picture(self, styles: Sequence[torch.Tensor]) -> torch.Tensor:
        # the styles of all convolutions, then those of all toRGB layers
        blocks = self.blocks
        layers = sum(len(convs) for convs, _ in blocks)
        layer_styles, rgb_styles = iter(styles[:layers]), styles[layers:]
        x, image = self._const, None
        for (convs, torgb), rgb_style in zip(blocks, rgb_styles, strict=True):
            for conv in convs:
                x = conv(x, next(layer_styles))
            rgb = torgb(x, rgb_style)
            image = rgb if image is None else rgb.add_(self._doubled(image))
        assert image is not None  # there is always the 4×4 block
        return image.contiguous()

    def _doubled(self, image: torch.Tensor) -> torch.Tensor:
        if self._fused:
            return upfirdn2d(image, self._blur, up=2, pad=(2, 1))
        kernel = self._blur.expand(3, 1, -1, -1)
        return F.conv_transpose2d(image, kernel, stride=2, padding=1, groups=3)
