"""Functions of tensors recorded once as a CUDA graph: one launch instead of hundreds."""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from threading import Lock

import torch

from op.cuda_library import RECORDING

Function = Callable[[Sequence[torch.Tensor]], torch.Tensor]
WARM_UP_CALLS = 3  # before recording, so that libraries have chosen their algorithms
KEPT_GRAPHS = 4  # each holds the memory of all its intermediate results


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
        self._graphs: OrderedDict[object, CudaGraph] = OrderedDict()
        self._lock = Lock()

    def __call__(self, *inputs: torch.Tensor) -> torch.Tensor:
        """Run the function, recorded if the inputs lie on a GPU."""
        if not inputs[0].is_cuda:
            return self._function(inputs)
        key = (self._version(), *((x.shape, x.dtype) for x in inputs))
        with self._lock:
            graph = self._graphs.get(key) or CudaGraph(self._function, inputs)
            self._graphs[key] = graph
            self._graphs.move_to_end(key)
            while len(self._graphs) > KEPT_GRAPHS:
                self._graphs.popitem(last=False)
        return graph(inputs)
