"""The processes of a training: one, or as many as `accelerate launch` started."""

import os

import torch

SEVERAL = "WORLD_SIZE"  # the environment variable by which launchers tell how many there are


class Processes:
    """This process among those that train together.

    Every process draws the whole batch from the same random numbers and works on its share, so
    that N processes take the steps one would take with the batch N times as large.

    Args:
        device: "cpu", or "cuda", of which each process gets one.

    Raises:
        SystemExit: several processes without accelerate.
    """

    def __init__(self, device: str) -> None:
        self.count, self.rank, self.device = 1, 0, torch.device(device)
        if int(os.environ.get(SEVERAL, "1")) > 1:
            try:
                from accelerate import PartialState
            except ImportError:
                raise SystemExit(
                    "several processes need accelerate: pip install 'stylemask[training]'"
                ) from None
            state = PartialState(cpu=self.device.type == "cpu")
            self.count, self.rank, self.device = (
                state.num_processes,
                state.process_index,
                state.device,
            )

    @property
    def is_main(self) -> bool:
        """Whether this is the one process that writes."""
        return self.rank == 0

    def share(self, batch: torch.Tensor, dim: int = 0) -> torch.Tensor:
        """This process's part of the whole batch along a dimension."""
        return batch.chunk(self.count, dim)[self.rank]

    def mean(self, tensor: torch.Tensor) -> torch.Tensor:
        """The mean of every process's tensor, the same in all of them."""
        if self.count == 1:
            return tensor
        from accelerate.utils import reduce

        mean: torch.Tensor = reduce(tensor, "mean")
        return mean

    def from_main(self, value: float) -> float:
        """The main process's value, in all of them."""
        if self.count == 1:
            return value
        from accelerate.utils import reduce

        mine = torch.tensor(value if self.is_main else 0.0, dtype=torch.float64, device=self.device)
        return float(reduce(mine, "sum"))
