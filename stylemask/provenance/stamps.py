"""Where a picture comes from: told in its XMP metadata, and marked in its pixels.

XMP says what a picture is and which model made it, but many programs drop it; the watermark lasts
longer and says only that the picture left this program. Neither proves anything by its absence.

Source: IPTC Photo Metadata Standard 2025.1 (Digital Source Type, AI System Used), Adobe's XMP
specification.
"""

import io
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import Enum
from pathlib import Path
from typing import Any
from xml.etree import ElementTree
from xml.sax.saxutils import quoteattr

from PIL import Image
from PIL.PngImagePlugin import PngInfo

import stylemask_core
from stylemask.provenance import watermark
from stylemask_core.pictures import images
from stylemask_core.pipeline import StyleMaskPipeline

SOFTWARE = "StyleMask"
SOURCE_TYPES = "http://cv.iptc.org/newscodes/digitalsourcetype/"
MAX_XMP = 65_536  # bytes that are read; a JPEG segment holds no more
MAX_FIELD = 200  # characters that are shown of one
LEAST_CHANCE = 1e-30  # smaller ones mean nothing to anybody
OPAQUE_FORMATS = ("JPEG",)  # they keep no transparency
PNG_KEYWORD = "XML:com.adobe.xmp"
TIFF_TAG = 700  # of XMP

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
XMP = "http://ns.adobe.com/xap/1.0/"
IPTC = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
PROPERTIES = {
    "digital_source_type": f"{{{IPTC}}}DigitalSourceType",
    "software": f"{{{XMP}}}CreatorTool",
    "model": f"{{{IPTC}}}AISystemUsed",
    "revision": f"{{{IPTC}}}AISystemVersionUsed",
}
PACKET = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="{rdf}">
<rdf:Description rdf:about="" xmlns:xmp="{xmp}" xmlns:Iptc4xmpExt="{iptc}"
 Iptc4xmpExt:DigitalSourceType={source_type}
 xmp:CreatorTool={software}
 Iptc4xmpExt:AISystemUsed={model}
 Iptc4xmpExt:AISystemVersionUsed={revision}/>
</rdf:RDF></x:xmpmeta>
<?xpacket end="r"?>"""


class Origin(Enum):
    """What went into a picture, as IPTC's digital source types name it."""

    RANDOM = "trainedAlgorithmicMedia"  # seeds alone
    PHOTO = "compositeWithTrainedAlgorithmicMedia"  # a picture or code that somebody gave

    @property
    def uri(self) -> str:
        """The name in IPTC's vocabulary."""
        return SOURCE_TYPES + self.value


@dataclass(frozen=True)
class Stamp:
    """What a picture's metadata tell."""

    origin: Origin  # what went into it
    model: str  # name of the model
    revision: str = ""  # commit of the model on the Hub, or ""

    @classmethod
    def of(cls, pipeline: StyleMaskPipeline, origin: Origin) -> "Stamp":
        """The stamp of a pipeline's pictures; folders of this machine are not told."""
        name = pipeline.name if pipeline.revision else pipeline.config.name
        return cls(origin, name, pipeline.revision)

    def xmp(self) -> bytes:
        """The XMP packet."""
        values = {
            "source_type": self.origin.uri,
            "software": f"{SOFTWARE} {stylemask_core.__version__}",
            "model": _clean(self.model),
            "revision": _clean(self.revision),
        }
        quoted = {name: quoteattr(value) for name, value in values.items()}
        return PACKET.format(rdf=RDF, xmp=XMP, iptc=IPTC, **quoted).encode()


@dataclass(frozen=True)
class Provenance:
    """What a picture tells about where it comes from."""

    # digital_source_type, software, model and revision, as far as they are told
    xmp: Mapping[str, str]
    watermark: watermark.Detection  # the search for the mark
    note: str = ""  # "", or why metadata were left unread

    @property
    def declared(self) -> bool:
        """Whether the metadata say that a trained algorithm made the picture or a part of it."""
        name = self.xmp.get("digital_source_type", "").rpartition("/")[2]
        return name in {origin.value for origin in Origin}

    @property
    def verdict(self) -> str:
        """In two or three words."""
        if self.declared and self.watermark.found:
            return "marked"
        if self.declared:
            return "XMP only"
        return "watermark only" if self.watermark.found else "nothing found"

    def sentence(self) -> str:
        """What was found, and what it means, in one line."""
        parts = []
        if self.declared:
            source = self.xmp["digital_source_type"].rpartition("/")[2]
            who = self.xmp.get("software") or "a program it does not name"
            model = self.xmp.get("model")
            parts.append(f"XMP says {source}, by {who}" + (f", model {model}" if model else ""))
        if self.watermark.found:
            chance = max(self.watermark.chance, LEAST_CHANCE)
            odds = f"by chance: below 1e{math.ceil(math.log10(chance))}"
            parts.append(f"{SOFTWARE}'s watermark is in the pixels ({odds})")
        if not parts:
            parts.append("neither metadata nor watermark, which proves nothing: both can be lost")
        parts += [self.note] * bool(self.note)
        return f"{self.verdict}: {'; '.join(parts)}"

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "verdict": self.verdict,
            "sentence": self.sentence(),
            "xmp": dict(self.xmp) or None,
            "watermark": asdict(self.watermark),
            "note": self.note,
        }


def encode(image: Image.Image, stamp: Stamp, format_: str = "PNG", **settings: Any) -> bytes:
    """Make the file of a picture that leaves the program, with watermark and XMP.

    The same picture gives the same bytes. Its colour profile goes into the file, its transparency
    unless it is a JPEG; below 512 px a side the watermark may not outlive edits.

    Args:
        image: RGB or RGBA.
        stamp: what the metadata tell.
        format_: "PNG", "JPEG", "WEBP", "AVIF" or "TIFF".
        settings: of Pillow's writer, such as quality.
    """
    if format_ in OPAQUE_FORMATS:
        image = images.on_white(image)
    packet = stamp.xmp()
    if format_ == "PNG":
        settings["pnginfo"] = PngInfo()
        settings["pnginfo"].add_itxt(PNG_KEYWORD, packet.decode())
    elif format_ == "TIFF":
        settings["tiffinfo"] = {TIFF_TAG: packet}
    else:
        settings["xmp"] = packet
    if profile := image.info.get("icc_profile"):
        settings["icc_profile"] = profile
    marked = watermark.embed(image)
    if image.mode == "RGBA":
        marked.putalpha(image.getchannel("A"))
    buffer = io.BytesIO()
    marked.save(buffer, format_, **settings)
    return buffer.getvalue()


def read(path: str | Path) -> Provenance:
    """Look for both marks in a picture file of any origin.

    Raises:
        InvalidInputError: no such file, no picture, damaged, too large or too small.
    """
    photo = images.read_photo(path)
    xmp, note = _parse(photo.metadata.get("xmp") or photo.metadata.get(PNG_KEYWORD) or b"")
    return Provenance(xmp, watermark.detect(photo.rgb), note)


def _parse(packet: str | bytes) -> tuple[dict[str, str], str]:
    """The properties of an XMP packet that anybody may have written, and why some are not read."""
    if len(packet) > MAX_XMP:
        return {}, f"its XMP was not read: more than {MAX_XMP // 1024} kB"
    try:
        text = packet if isinstance(packet, str) else packet.decode("utf-8")
        text = text.strip("\ufeff\0 \r\n\t")
        if not text:
            return {}, ""
        # entities, which can grow without bound or name files, need one of these
        if "<!DOCTYPE" in text or "<!ENTITY" in text:
            return {}, "its XMP was not read: it declares entities"
        root = ElementTree.fromstring(text)
    except (ValueError, ElementTree.ParseError):
        return {}, "its XMP was not read: it is damaged"
    properties: dict[str, str] = {}
    for description in root.iter(f"{{{RDF}}}Description"):
        for name, tag in PROPERTIES.items():  # a property is an attribute or a child
            if value := _clean(description.get(tag) or description.findtext(tag) or ""):
                properties.setdefault(name, value)
    return properties, ""


def _clean(text: str) -> str:
    """Text in one line that is safe to show and to write."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= MAX_FIELD else line[: MAX_FIELD - 1] + "…"
