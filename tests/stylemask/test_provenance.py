"""Metadata and watermark of a file: written, read, and hostile ones refused."""

import json
from pathlib import Path

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from stylemask.provenance import stamps, watermark
from stylemask.provenance.stamps import Origin, Stamp
from stylemask_core import InvalidInputError, StyleMaskPipeline, __version__
from stylemask_core.pictures.images import enlarged
from tests.support.helpers import MIX, face
from tests.support.photos import astronaut

STAMP = Stamp(Origin.PHOTO, 'a "strange" <model> & co', "0123abc")
FORMATS = {"png": "PNG", "jpg": "JPEG", "webp": "WEBP"}
LAUGHS = "".join(f'<!ENTITY l{k} "{f"&l{k - 1};" * 10 if k else "lol"}">' for k in range(12))


def written(path, content) -> Path:
    Path(path).write_bytes(content)
    return Path(path)


def with_xmp(path, packet: bytes | str, compressed=False) -> Path:
    """A small unmarked PNG or JPEG that carries a packet."""
    picture = Image.new("RGB", (64, 64), "teal")
    if Path(path).suffix == ".png":
        info = PngInfo()
        text = packet if isinstance(packet, str) else packet.decode("latin-1")
        info.add_itxt(stamps.PNG_KEYWORD, text, zip=compressed)
        picture.save(path, pnginfo=info)
    else:
        picture.save(path, xmp=packet)
    return Path(path)


@pytest.mark.parametrize("suffix", FORMATS)
def test_both_marks_are_read_back_from_every_format(tmp_path, suffix):
    content = stamps.encode(astronaut(), STAMP, FORMATS[suffix])
    assert content == stamps.encode(astronaut(), STAMP, FORMATS[suffix])
    found = stamps.read(written(tmp_path / f"a.{suffix}", content))
    assert (found.verdict, found.note) == ("marked", "")
    assert found.xmp == {
        "digital_source_type": "http://cv.iptc.org/newscodes/digitalsourcetype/"
        "compositeWithTrainedAlgorithmicMedia",
        "software": f"StyleMask {__version__}",
        "model": STAMP.model,
        "revision": STAMP.revision,
    }


def test_either_mark_may_be_lost_and_a_plain_picture_has_none(tmp_path):
    marked = watermark.embed(astronaut())
    marked.save(tmp_path / "watermark.png")
    astronaut().save(tmp_path / "xmp.jpg", xmp=STAMP.xmp())
    astronaut().save(tmp_path / "plain.png")
    verdicts = {path.stem: stamps.read(path) for path in tmp_path.iterdir()}
    assert {stem: found.verdict for stem, found in verdicts.items()} == {
        "watermark": "watermark only",
        "xmp": "XMP only",
        "plain": "nothing found",
    }
    assert "proves nothing" in verdicts["plain"].sentence()
    assert verdicts["plain"].to_dict()["xmp"] is None


def test_the_model_of_the_hub_is_told_with_its_commit_and_no_folder_is(tiny_model):
    pipeline = StyleMaskPipeline(tiny_model, "cpu", "/home/ann/model")
    assert Stamp.of(pipeline, Origin.RANDOM) == Stamp(Origin.RANDOM, "tiny", "")
    pipeline = StyleMaskPipeline(tiny_model, "cpu", "ann/model", "0123abc")
    assert Stamp.of(pipeline, Origin.RANDOM) == Stamp(Origin.RANDOM, "ann/model", "0123abc")


def test_properties_are_read_as_other_programs_write_them(tmp_path):
    packet = f"""<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="{stamps.RDF}">
        <rdf:Description xmlns:e="{stamps.IPTC}">
        <e:DigitalSourceType> {Origin.RANDOM.uri}\n</e:DigitalSourceType>
        </rdf:Description><rdf:Description/></rdf:RDF></x:xmpmeta>"""
    found = stamps.read(with_xmp(tmp_path / "a.jpg", packet.encode()))
    assert found.declared and found.xmp == {"digital_source_type": Origin.RANDOM.uri}
    camera = packet.replace(Origin.RANDOM.value, "digitalCapture").encode()
    assert not stamps.read(with_xmp(tmp_path / "b.jpg", camera)).declared


@pytest.mark.parametrize(
    ("packet", "note"),
    [
        (f"<!DOCTYPE x [{LAUGHS}]><x>&l11;</x>", "declares entities"),
        ('<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><x>&e;</x>', "declares entities"),
        ("<x>&undefined;</x>", "damaged"),
        ("<x><y></x>", "damaged"),
        ("<x>" * 9000, "damaged"),
        ("\x00\xff\xfe", "damaged"),
        (" " * (stamps.MAX_XMP + 1), "more than 64 kB"),
    ],
)
def test_hostile_metadata_are_left_unread_and_said_so(tmp_path, packet, note):
    found = stamps.read(with_xmp(tmp_path / "a.png", packet))
    assert found.xmp == {} and note in found.note and note in found.sentence()


def test_metadata_of_many_megabytes_are_left_unread(tmp_path):
    path = with_xmp(tmp_path / "a.png", "<x>" + " " * 50_000_000)
    assert "more than 64 kB" in stamps.read(path).note
    with pytest.raises(InvalidInputError, match=r"b\.png cannot be read"):
        stamps.read(with_xmp(tmp_path / "b.png", " " * 50_000_000, compressed=True))


def test_what_metadata_say_is_shown_in_one_harmless_line(tmp_path):
    named = Stamp(Origin.RANDOM, "\x1b[31mred\u202e\n" + "x" * 500).xmp()
    model = stamps.read(with_xmp(tmp_path / "a.jpg", named)).xmp["model"]
    assert model.isprintable() and len(model) == stamps.MAX_FIELD


# the command line


@pytest.mark.parametrize(
    ("command", "outputs", "origin"),
    [
        ((*MIX, "-o", "a.png"), ["a.png"], Origin.RANDOM),
        ((*MIX, "--grid", "-o", "a.webp"), ["a.webp"], Origin.RANDOM),
        (("reenact", "photo.png", "seed:1", "-o", "a.jpg"), ["a.jpg"], Origin.PHOTO),
        (("reenact", "seed:1", "faces", "-o", "out"), ["out/1.png"], Origin.PHOTO),
        (
            ("reenact", "photo.png", "seed:1", "--paste-back", "-o", "a.png"),
            ["a.png"],
            Origin.PHOTO,
        ),
        (
            ("inspect", "seed:1", "seed:2", "-o", "out"),
            ["out/result.png", "out/layer_means.png", "out/mask.png", "out/effects.png"],
            Origin.RANDOM,
        ),
    ],
)
def test_every_picture_of_the_command_line_is_marked(stylemask, command, outputs, origin):
    face("faces/1.png")
    astronaut().save("photo.png")
    assert stylemask(*command)[0] == 0
    for path in outputs:
        found = stamps.read(path)
        assert found.verdict == "marked", path
        assert found.xmp["digital_source_type"] == origin.uri
        assert found.xmp["model"] == "tiny"


def test_a_small_picture_is_asked_for_with_a_word_on_the_watermark(stylemask):
    code, _, err = stylemask(*MIX, "--size", 64, "-o", "a.png")
    assert code == 0 and "the watermark may be lost: only the XMP is sure" in err
    assert err.count("\n") == 1
    assert stamps.read("a.png").declared


def test_verify_tells_a_line_a_file_and_what_could_not_be_read(stylemask):
    Path("marked.png").write_bytes(stamps.encode(astronaut(), STAMP))
    astronaut().save("plain.png")
    code, out, err = stylemask("verify", "marked.png", "plain.png")
    assert (code, err) == (0, "")
    marked, plain = out.splitlines()
    assert marked.startswith("marked.png: marked: XMP says compositeWithTrainedAlgorithmicMedia")
    assert plain.startswith("plain.png: nothing found: ")
    Path("words.png").write_text("no picture")
    code, out, err = stylemask("verify", "words.png", "absent.png", "marked.png")
    assert code == 1 and out.splitlines() == [marked]
    assert [line.split()[2] for line in err.splitlines()] == ["words.png", "no"]


def test_verify_json_is_all_that_goes_to_stdout(stylemask):
    Path("marked.png").write_bytes(stamps.encode(enlarged(astronaut()), STAMP))
    code, out, err = stylemask("verify", "marked.png", "absent.png", "--json")
    marked, absent = json.loads(out)
    assert code == 1 and err.count("\n") == 1
    assert marked == {"file": "marked.png", "readable": True} | stamps.read("marked.png").to_dict()
    assert (absent["file"], absent["readable"]) == ("absent.png", False)


def test_verify_without_a_file_is_bad_usage(refused):
    assert "FILE" in refused(2, "verify")


def test_a_file_may_be_larger_than_its_limit_only_for_nothing(tmp_path, monkeypatch):
    path = written(tmp_path / "a.png", stamps.encode(astronaut(), STAMP))
    monkeypatch.setattr("stylemask_core.pictures.images.MAX_BYTES", 1000)
    with pytest.raises(InvalidInputError, match="too large"):
        stamps.read(path)
