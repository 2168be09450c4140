"""Functions of tensors recorded once as a CUDA graph: one launch instead of hundreds."""

from collections.abc import Callable, Sequence
from threading import Lock

import torch

Function = Callable[[Sequence[torch.Tensor]], torch.Tensor]
WARM_UP_CALLS = 3  # before recording, so that libraries have chosen their algorithms


class CudaGraph:
    """A function for inputs of fixed shapes; may be called from many threads.

    Args:
        function: launches work on the current stream only and keeps no inputs.
        inputs: of the shapes, dtypes and device it is to be recorded for.
    """

    def __init__(self, function: Function, inputs: Sequence[torch.Tensor]) -> None:
        self._inputs = [x.clone() for x in inputs]
        self._lock = Lock()
        device = self._inputs[0].device
        with torch.cuda.device(device):
            side = torch.cuda.Stream()  # type: ignore[no-untyped-call]
            side.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(side):
                for _ in range(WARM_UP_CALLS):
                    function(self._inputs)
            torch.cuda.current_stream().wait_stream(side)
            self._graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(self._graph):
                self._output = function(self._inputs)

    def __call__(self, inputs: Sequence[torch.Tensor]) -> torch.Tensor:
        """Run the function on inputs of the recorded shapes."""
        with self._lock:  # the graph reads and writes the same memory every time
            for own, x in zip(self._inputs, inputs, strict=True):
                own.copy_(x)
            self._graph.replay()
            return self._output.clone()


class Recorded:
    """A function that is recorded as a CUDA graph for every new set of input shapes.

    Args:
        function: as for `CudaGraph`.
        version: graphs recorded under another value are dropped; tells of operators that have been
            compiled in the meantime.
    """

    def __init__(self, function: Function, version: Callable[[], object] = lambda: None) -> None:
        self._function, self._version = function, version
        self._graphs: dict[object, CudaGraph] = {}
        self._lock = Lock()

    def __call__(self, *inputs: torch.Tensor) -> torch.Tensor:
        """Run the function, recorded if the inputs lie on a GPU."""
        if not inputs[0].is_cuda:
            return self._function(inputs)
        key = (self._version(), *((x.shape, x.dtype) for x in inputs))
        with self._lock:
            if key not in self._graphs:
                self._graphs = {k: g for k, g in self._graphs.items() if k[0] == key[0]}  # type: ignore[index]
                self._graphs[key] = CudaGraph(self._function, inputs)
            graph = self._graphs[key]
        return graph(inputs)
