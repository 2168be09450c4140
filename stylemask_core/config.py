"""Model configuration (`config.json`) and the constants of the method, with their units."""

import dataclasses
import json
import math
import operator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stylemask_core.errors import WeightsError
from stylemask_core.pictures import file_kinds

CONFIG_NAME = "config.json"
ENCODER_INPUT_SIZE = 256  # [px] side of the pictures every encoder reads
STRENGTH_RANGE = (0.0, 1.5)  # mask multiplier: 0 = source unchanged, 1 = as trained
TRUNCATION_RANGE = (0.0, 1.0)  # psi: 0 = the mean face, 1 = no truncation
MAX_SEED = 2**32 - 1
FIRST_RESOLUTION = 4  # [px] side of the learned constant the synthesis starts from

ENCODER_KINDS = ("regressor", "convolutional", "e4e")
ALIGNMENTS = ("ffhq", "heads")


@dataclass(frozen=True)
class ModelConfig:
    """Everything needed to build a model's networks; the content of `config.json`."""

    name: str  # short name shown to people, e.g. "heads"
    resolution: int  # side of the synthesized picture [px], a power of two from 8 to 1024
    # feature channels of each resolution, {4: 512, 8: 512, …, resolution: 32}
    channels: dict[int, int]
    masked_layers: int  # number of leading convolution layers that have a mask network
    latent_dim: int = 512  # size of z and w
    mapping_layers: int = 8  # fully connected layers of the mapping network
    mapping_lr_multiplier: float = 0.01  # runtime gain of the mapping layers (StyleGAN, appendix C)
    # what the mapping network works out before w: numbers of each kind, {"points": 414}
    facts: dict[str, int] = field(default_factory=dict)
    noise: bool = True  # whether the convolutions carry fixed noise buffers
    encoder: str = "regressor"  # kind of the inversion encoder, one of ENCODER_KINDS
    poser: bool = False  # whether the model has a poser, which makes codes of poses in numbers
    alignment: str = "ffhq"  # how a model's pictures frame the face, one of ALIGNMENTS
    refinement_steps: int = 0  # gradient steps that follow the encoder in an inversion
    default_truncation: float = 0.7  # psi used when none is asked for
    domain: str = ""  # what the pictures show, e.g. "synthetic heads"
    licence: str = ""  # licence of the weights

    def __post_init__(self) -> None:
        if self.resolution not in (8, 16, 32, 64, 128, 256, 512, 1024):
            raise WeightsError(f"resolution {self.resolution} is not a power of two from 8 to 1024")
        if sorted(self.channels) != self.resolutions:
            raise WeightsError(
                f"channels must be given for {self.resolutions}, not {sorted(self.channels)}"
            )
        counts = [*self.channels.values(), self.latent_dim, self.mapping_layers]
        if min(counts) < 1 or max(counts) > 4096:
            raise WeightsError("channels, latent_dim and mapping_layers must lie in 1…4096")
        for name, count in self.facts.items():
            if not name.isidentifier() or type(count) is not int or not 1 <= count <= 4096:
                raise WeightsError(f"facts cannot be {self.facts!r}: give 1…4096 of each name")
        if not 1 <= self.masked_layers <= self.conv_layers:
            raise WeightsError(f"masked_layers must lie in 1…{self.conv_layers}")
        if self.encoder not in ENCODER_KINDS:
            raise WeightsError(f"encoder kind {self.encoder!r} is not one of {ENCODER_KINDS}")
        if self.encoder == "e4e" and self.latent_dim != 512:
            raise WeightsError(f"the e4e encoder makes codes of 512, not of {self.latent_dim}")
        if self.alignment not in ALIGNMENTS:
            raise WeightsError(f"alignment {self.alignment!r} is not one of {ALIGNMENTS}")
        if not 0 <= self.refinement_steps <= 1000:
            raise WeightsError("refinement_steps must lie in 0…1000")
        if not 0 < self.mapping_lr_multiplier < math.inf:
            raise WeightsError("mapping_lr_multiplier must be a positive number")
        if not TRUNCATION_RANGE[0] <= self.default_truncation <= TRUNCATION_RANGE[1]:
            raise WeightsError("default_truncation must lie in 0…1")

    @property
    def resolutions(self) -> list[int]:
        """Resolutions of the synthesis blocks [px]: 4, 8, …, resolution."""
        return [2**power for power in range(2, int(math.log2(self.resolution)) + 1)]

    @property
    def conv_layers(self) -> int:
        """Number of modulated 3×3 convolutions: one at 4², two at every later resolution."""
        return 2 * len(self.resolutions) - 1

    @property
    def num_latents(self) -> int:
        """Number L of w vectors in a W+ code: one a convolution and one for the last toRGB."""
        return self.conv_layers + 1

    def to_json(self) -> str:
        """The text of `config.json`."""
        return json.dumps(dataclasses.asdict(self), indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "ModelConfig":
        """Parse the text of `config.json`."""
        try:
            values: Any = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise WeightsError(f"{CONFIG_NAME} is not valid JSON: {error}") from error
        if not isinstance(values, dict):
            raise WeightsError(f"{CONFIG_NAME} must hold a JSON object")
        known = {entry.name for entry in dataclasses.fields(cls)}
        if unknown := sorted(set(values) - known):
            raise WeightsError(f"{CONFIG_NAME} has unknown fields: {', '.join(unknown)}")
        json_types: dict[Any, Any] = {
            float: (int, float),
            dict[int, int]: (dict,),
            dict[str, int]: (dict,),
        }
        for entry in dataclasses.fields(cls):
            kinds = json_types.get(entry.type, (entry.type,))
            # type(): an isinstance() would take true and false for numbers
            if entry.name in values and type(values[entry.name]) not in kinds:
                raise WeightsError(f"{CONFIG_NAME}: {entry.name} cannot be {values[entry.name]!r}")
        try:
            values["channels"] = {int(k): operator.index(v) for k, v in values["channels"].items()}
        except (KeyError, TypeError, ValueError) as error:
            raise WeightsError(
                f"{CONFIG_NAME}: channels must give a whole number for each resolution"
            ) from error
        try:
            return cls(**values)
        except TypeError as error:
            raise WeightsError(f"{CONFIG_NAME} is incomplete: {error}") from error

    @classmethod
    def load(cls, folder: Path) -> "ModelConfig":
        """Read `config.json` of a model folder."""
        path = folder / CONFIG_NAME
        if not folder.is_dir():
            raise WeightsError(f"there is no folder {folder}")
        try:
            return cls.from_json(path.read_text(encoding="utf-8"))
        except WeightsError:
            if file_kinds.is_lfs_pointer(path):
                raise WeightsError(f"{path} {file_kinds.LFS_POINTER}") from None
            raise
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or error
            raise WeightsError(
                f"{folder} is no model folder: cannot read {CONFIG_NAME} ({reason})"
            ) from error
