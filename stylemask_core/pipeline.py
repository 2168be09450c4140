"""StyleMaskPipeline: from seeds, codes and pictures to a reenacted face, one call each."""

import tempfile
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import nn

from stylemask_core import threads
from stylemask_core.checks import (
    check_array,
    check_seed,
    check_truncation,
    pick_device,
    pick_dtype,
)
from stylemask_core.config import ENCODER_INPUT_SIZE
from stylemask_core.downloads import Progress
from stylemask_core.errors import InvalidInputError, WeightsError
from stylemask_core.inversion import refine, w_spread
from stylemask_core.models import hub, model_folder, model_source
from stylemask_core.networks.synthesis import Recorded, SynthesisNetwork, request_operators
from stylemask_core.pictures import framing, images, pasting
from stylemask_core.pictures.framing import Align, FaceSearch
from stylemask_core.pictures.images import Photo
from stylemask_core.pose import Pose
from stylemask_core.results import (
    Code,
    FramedPicture,
    Inversion,
    LatentCode,
    Reenactment,
    Synthesis,
    w_plus_of,
)
from stylemask_core.style_space import Styles, StyleSpace, mix_styles
from stylemask_core.threads import on_needed_threads


class StyleMaskPipeline:
    """Generator, mask network and encoder behind the calls people need.

    All methods are pure: one pipeline may serve many threads. What cannot be used is refused by one
    of `stylemask_core.errors`, in a line that says what to do.

    Args:
        model: config and networks, as `load_model` returns them; they move to the device.
        device: "auto" (a CUDA GPU if there is one), "cpu", "cuda:1", …, or what `pick_device` gave.
        dtype: "float32", or "float16" for the encoder and the large resolutions on a GPU, which is
            what "auto" takes there.
        name: of the model, shown to people.
        revision: full commit sha of the Hub repository it came from, "" for none.
    """

    def __init__(
        self,
        model: model_folder.Model,
        device: str | torch.device = "auto",
        name: str = "",
        revision: str = "",
        dtype: str = "auto",
    ) -> None:
        self.model = model
        self.config = model.config
        self.name = name or model.config.name
        self.revision = revision
        self.space = StyleSpace(model.config)
        self.device = device if isinstance(device, torch.device) else pick_device(device)
        self.dtype = pick_dtype(dtype, self.device)
        self.generator = model.generator.to(self.device)
        self.mask_network = model.mask_network.to(self.device)
        self._synthesis = SynthesisNetwork(self.generator, half=self.dtype == torch.float16)
        self._encode = Recorded(lambda inputs: self.encoder(inputs[0]))
        self.threads = threads.needed(self.config)
        request_operators(self.device)

    @cached_property
    def encoder(self) -> nn.Module:
        """The inversion encoder, loaded when it is first needed."""
        return self.model.encoder_on(self.device, self.dtype)

    @classmethod
    def from_pretrained(
        cls,
        model: str | Path | None = None,
        revision: str | None = None,
        device: str | torch.device = "auto",
        dtype: str = "auto",
        local_files_only: bool = False,
        progress: Progress | None = None,
    ) -> "StyleMaskPipeline":
        """Load a model.

        Args:
            model: "embedded" (also None), the path of a model folder, "user/repo" or
                "user/repo@revision" on the Hub, or "ffhq".
            revision: branch, tag or commit of a Hub repository.
            device: "auto", "cpu", "cuda", …
            dtype: "auto", "float32" or "float16".
            local_files_only: of a Hub repository, take what the cache has and ask nobody.
            progress: called while files are downloaded: name, bytes done, bytes in all.

        Raises:
            WeightsError: there is no such model, or its files are damaged or do not fit.
            InvalidInputError: the device is unknown or not there, or cannot compute in that dtype.
        """
        place = pick_device(device)
        pick_dtype(dtype, place)  # before anything is downloaded
        source = model_source.locate(model, revision, local_files_only, progress)
        return cls(source.load(), place, source.name, source.revision, dtype)

    def save_pretrained(self, folder: str | Path) -> None:
        """Write the model folder, whole or not at all."""
        model_folder.save_model(Path(folder), self.model)

    def push_to_hub(self, repo_id: str, private: bool = False) -> str:
        """Publish the model as "user/repo" on the Hub in one commit; returns the commit's URL."""
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch) / "model"
            self.save_pretrained(folder)
            return hub.push(folder, repo_id, private)

    @torch.inference_mode()
    def sample(self, seed: int, truncation: float | None = None) -> LatentCode:
        """Draw a random face; a seed (0…2³²−1) names the same one on every machine.

        The truncation psi lies in 0…1; None is the model's default.
        """
        random = np.random.Generator(np.random.Philox(key=check_seed(seed)))
        z = random.standard_normal((1, self.config.latent_dim), dtype=np.float32)
        psi = self.config.default_truncation if truncation is None else truncation
        return self.code(z=z, truncation=psi)

    @on_needed_threads
    @torch.inference_mode()
    def code(
        self,
        z: np.ndarray | torch.Tensor | None = None,
        w_plus: np.ndarray | torch.Tensor | None = None,
        truncation: float = 1.0,
    ) -> LatentCode:
        """Make a code from an array: give exactly one of z and w_plus.

        Args:
            z: [1, 512] or [512], standard normal.
            w_plus: [1, L, 512] or [L, 512].
            truncation: psi in 0…1, towards the mean w.
        """
        psi = check_truncation(truncation)
        if (z is None) == (w_plus is None):
            raise InvalidInputError("give exactly one of z and w_plus")
        latents, dim = self.config.num_latents, self.config.latent_dim
        mapping = self.generator.mapping
        if z is not None:
            w = self.generator.broadcast(mapping(check_array(z, "z", (1, dim)).to(self.device)))
        else:
            assert w_plus is not None  # exactly one was given
            w = check_array(w_plus, "w_plus", (1, latents, dim)).to(self.device)
        return LatentCode(mapping.truncate(w, psi))

    @on_needed_threads
    @torch.inference_mode()
    def encode(self, batch: torch.Tensor) -> torch.Tensor:
        """Invert aligned pictures [B, 3, 256, 256] in −1…1 → W+ [B, L, latent_dim]."""
        return self._encode(batch.to(self.device, self.dtype)).float()

    @torch.inference_mode()
    def posed(self, pose: Pose) -> LatentCode:
        """The code of a mean identity in a pose: a target that comes without a picture.

        Raises:
            WeightsError: the model has no poser.
        """
        if self.model.poser is None:
            raise WeightsError(f"the model {self.name} has no poser: give a picture as the target")
        w = self.model.poser(pose.vector()[None]).to(self.device)
        return LatentCode(self.generator.broadcast(w))

    def detect_faces(
        self, image: Image.Image | Photo, progress: Progress | None = None
    ) -> FaceSearch:
        """Find the faces of a picture, the largest first; `frame` and `invert` take what it gives.

        The picture is any of PIL's, or a photo as `images.read_photo` gives it; `progress` is
        called while the detector's weights are downloaded, as everywhere.
        """
        return framing.find_faces(Photo.of(image).rgb, self._profile, progress)

    @property
    def _profile(self) -> framing.Profile:
        return framing.PROFILES[self.config.alignment]

    def invert(
        self,
        image: Image.Image | Photo,
        align: Align = "auto",
        face: int = 0,
        landmarks: Any = None,
        truncation: float = 1.0,
        search: FaceSearch | None = None,
        progress: Progress | None = None,
    ) -> Inversion:
        """Find the code whose picture comes closest to a face in the given one.

        Args:
            image: any PIL picture, or a photo as `images.read_photo` gives it.
            align: "auto" looks for faces; "none" takes a square picture as it is.
            face: which of the faces, 0 for the largest.
            landmarks: eyes and mouth corners [4, 2] as `Face.points`, or 68 landmarks [68, 2], px
                of the upright picture; no face is looked for then.
            truncation: psi in 0…1, towards the mean w; 1 leaves the code as it was found.
            search: what `detect_faces` gave for the picture, to save a second one.
            progress: called while the detector's weights are downloaded.

        Raises:
            InvalidInputError: the picture or an argument cannot be used.
            NoFaceError: there is no face, and the model needs one.
            DetectorError: the model needs one, and no detector can be used on this machine.
        """
        check_truncation(truncation)  # before a face is looked for
        framed = self.frame(image, align, face, landmarks, search, progress)
        return self.invert_framed([framed], truncation)[0]

    def frame(
        self,
        image: Image.Image | Photo,
        align: Align = "auto",
        face: int = 0,
        landmarks: Any = None,
        search: FaceSearch | None = None,
        progress: Progress | None = None,
    ) -> FramedPicture:
        """Cut out what `invert` would invert; arguments and errors are the same."""
        rgb = Photo.of(image).rgb
        square = framing.frame(rgb, self._profile, align, face, landmarks, search, progress)
        seen = images.to_tensor(square.cut(rgb, ENCODER_INPUT_SIZE))
        return FramedPicture(square.cut(rgb, self.config.resolution), seen, square)

    @on_needed_threads
    def invert_framed(
        self, pictures: Sequence[FramedPicture], truncation: float = 1.0
    ) -> list[Inversion]:
        """Invert what `frame` gives as one batch; the truncation is that of `invert`."""
        psi = check_truncation(truncation)
        crops = torch.cat([images.to_tensor(picture.crop) for picture in pictures])
        codes = self.refine(crops, self.encode(torch.cat([picture.seen for picture in pictures])))
        with torch.inference_mode():
            codes = self.generator.mapping.truncate(codes, psi)
        return [
            Inversion(LatentCode(code), picture.crop, picture.framing)
            for code, picture in zip(torch.split(codes, 1), pictures, strict=True)
        ]

    def paste_back(
        self, photo: Image.Image | Photo, inversion: Inversion, picture: Image.Image
    ) -> Image.Image:
        """Lay the head of a result, a square, over the photo that was inverted.

        Returns:
            The upright photo with another head: RGBA where the photo has transparency, else RGB,
            with the photo's colour profile if it is one of RGB. Where neither the photo's head
            nor the result's is, every bit is the photo's.
        """
        if picture.width != picture.height:
            raise InvalidInputError(
                f"a square is pasted back, this is {picture.width}×{picture.height}"
            )
        return pasting.paste_back(Photo.of(photo), inversion.quad, picture.convert("RGB"))

    @on_needed_threads
    def refine(self, batch: torch.Tensor, codes: torch.Tensor) -> torch.Tensor:
        """Take the model's refinement steps from codes towards the pictures they are to show.

        Pictures are [B, 3, R, R] in −1…1, codes W+ [B, L, latent_dim] before and after.
        """
        if (steps := self.config.refinement_steps) == 0:
            return codes
        batch = batch.to(self.device, torch.float32)
        return refine(self.generator, batch, codes, self.w_spread, steps)

    @cached_property
    def w_spread(self) -> torch.Tensor:
        """Standard deviation of each element of w: [latent_dim]."""
        return w_spread(self.generator)

    @on_needed_threads
    @torch.inference_mode()
    def synthesize(self, code: Code) -> Synthesis:
        """Make the picture of one code."""
        return Synthesis(
            self._synthesis(self._styles(code), self.generator.rgb_styles(code.w_plus))
        )

    @on_needed_threads
    @torch.inference_mode()
    def masks(self, source: Code, target: Code) -> Styles:
        """The share of the target that the networks give each channel: [1, dim] a masked layer."""
        masks: Styles = self.mask_network(self._styles(source), self._styles(target))
        return masks

    @on_needed_threads
    @torch.inference_mode()
    def reenact(
        self,
        source: Code,
        target: Code,
        strength: float = 1.0,
        layers: Sequence[str] | None = None,
        masks: Styles | None = None,
    ) -> Reenactment:
        """Give the source the target's head pose and expression, in one synthesis.

        Args:
            source: whose identity is kept.
            target: whose pose is taken.
            strength: 0 leaves the source, 1 is as trained, up to 1.5 exaggerates.
            layers: names or groups that take part (`StyleSpace.select`); None for all.
            masks: [1, dim] a masked layer in place of those that `masks` gives, such as a
                `MaskEdit` makes of them.

        Source: StyleMask, section 3.2.
        """
        selected, styles = self.space.select(layers), (self._styles(source), self._styles(target))
        masks = self.mask_network(*styles) if masks is None else self.space.check_masks(masks)
        mixed = mix_styles(*styles, masks, strength, selected)
        tensor = self._synthesis(mixed, self.generator.rgb_styles(source.w_plus))
        return Reenactment(tensor, torch.cat(masks, 1), mixed)

    def _styles(self, code: Code) -> Styles:
        return self.generator.styles(w_plus_of(code, self.config))
