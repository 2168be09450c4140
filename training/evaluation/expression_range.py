"""How far a face model's expressions go among a generator's random faces: the error's scale."""

from collections.abc import Iterator

import torch

from stylemask_core import StyleMaskPipeline
from training.evaluation.pairs import BATCH, RandomPairs
from training.face_models import FaceModel, measure_expression_range
from training.progress import progress_bar

FACES = 2000  # as StyleMask does
SEED = 0


@torch.inference_mode()
def expression_range_of(
    face: FaceModel, pipeline: StyleMaskPipeline, count: int = FACES
) -> torch.Tensor:
    """Range [E] of each expression coefficient over random faces of a model.

    Args:
        face: reads the pictures.
        pipeline: the model.
        count: of random faces.
    """
    random = RandomPairs(pipeline, count, SEED)

    def pictures() -> Iterator[torch.Tensor]:
        with progress_bar(count, 0, "random faces") as bar:
            for z in random.z_source.split(BATCH):
                yield random.faces(z).picture.clamp(-1, 1)
                bar.update(len(z))

    return measure_expression_range(face, pictures())
