"""How the command line is used: near names, examples, arguments in any order, surplus ones."""

import json
import re
import shlex
from pathlib import Path

import pytest

from stylemask.cli.commands import COMMANDS
from stylemask.cli.main import main
from stylemask.cli.parser import parser_of, program_parser, read
from tests.support.helpers import MIX, ROOT, face

README = ROOT / "README.md"


# names that come near


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("mxi",), "there is no command 'mxi': did you mean mix?"),
        (("reenactt", "a", "b"), "did you mean reenact?"),
        (("Inspect", "a", "b"), "did you mean inspect?"),
        (("me.jpg", "you.jpg"), "there is no command 'me.jpg': there are mix, reenact, inspect"),
        ((), "give a command: mix, reenact, inspect"),
        (("--verison",), "there is no option --verison: did you mean --version?"),
        (("--vers",), "did you mean --version?"),
        (("--model", "x", "info"), "--model goes after the command"),
        (("mix", "--source-sed", "1", "--target-seed", "2"), "did you mean --source-seed"),
        (("mix", "--source-sed=1", "--target-seed=2"), "no option --source-sed: did you mean"),
        ((*MIX, "--ouput", "a.png"), "did you mean --output?"),
        ((*MIX, "--trunc=0.5"), "did you mean --truncation?"),
        ((*MIX, "--colour", "red"), "there is no option --colour (see stylemask mix --help)"),
        ((*MIX, "-x"), "there is no option -x"),
        ((*MIX, "-O", "a.png"), "there is no option -O: did you mean -o?"),
        (("reenact", "seed:1", "seed:2", "--pasteback"), "did you mean --paste-back?"),
    ],
)
def test_a_misspelt_name_is_told_with_the_nearest_right_one(refused, arguments, message):
    assert message in refused(2, *arguments)


@pytest.mark.parametrize("option", ["--source-seed", "--target-seed"])
def test_a_bad_seed_is_told_by_its_option(refused, option):
    other = {"--source-seed": "--target-seed", "--target-seed": "--source-seed"}[option]
    line = refused(2, "mix", other, 1, option, "x")
    assert f"argument {option}: 'x' is no seed: give a whole number 0…4294967295" in line
    role = option.removeprefix("--").removesuffix("-seed").upper()
    inputs = ("seed:1", "seed:x") if role == "TARGET" else ("seed:x", "seed:1")
    assert f"{role} seed:x: 'x' is no seed" in refused(2, "reenact", *inputs)


# surplus and missing


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("reenact", "a.png", "seed:1", "out.png"), "to write that picture, give -o out.png"),
        (("mix", *MIX[1:], "out.png"), "to write that picture, give -o out.png"),
        ((*MIX, "3"), "'3' is one too many: every value here belongs to an option"),
        (
            ("reenact", "a.png", "b.png", "c.png", "seed:1"),
            "2 too many, 'seed:1' the last: it takes SOURCE and TARGET; of many pictures give "
            "their folder",
        ),
        ((*MIX, "-o", "a.png", "-o", "b.png"), "give it once, not a.png and b.png"),
        (("info", "heads", "tiny"), "'tiny' the last: it takes MODEL"),
    ],
)
def test_what_there_is_no_place_for_is_told_with_what_was_meant(refused, arguments, message):
    for name in ("a.png", "b.png", "c.png"):
        face(name)
    assert message in refused(2, *arguments)


def test_a_quoted_pattern_is_told_to_be_a_folder(refused):
    face("photos/a.png")
    for pattern in ("photos/*.png", "photos/?.png", "photos/[ab].png"):
        line = refused(2, "reenact", pattern, "seed:1")
        assert f"{pattern} is a pattern, and SOURCE is one picture or a folder of them" in line
        assert "give the folder, photos/" in line
    assert "give the folder, ." in refused(2, "inspect", "seed:1", "*.png")


def test_verify_takes_patterns_and_folders(stylemask):
    stylemask(*MIX, "-o", "out/a.png")
    stylemask(*MIX, "-o", "out/b.webp")
    Path("out/notes.txt").write_text("no picture")
    for argument, files in (
        ("out", ["out/a.png", "out/b.webp"]),
        ("out/*.png", ["out/a.png"]),
        ("out/a.png", ["out/a.png"]),
    ):
        code, out, _ = stylemask("verify", argument, "--json")
        assert code == 0
        assert [report["file"] for report in json.loads(out)] == files
    code, _, err = stylemask("verify", "none/*.png")
    assert code == 1 and "none/*.png" in err


def test_options_may_stand_anywhere(stylemask, own_folder):
    face("a.png")
    face("b.png")
    plain = json.loads(stylemask("verify", "a.png", "b.png", "--json")[1])
    assert json.loads(stylemask("verify", "a.png", "--json", "b.png")[1]) == plain
    assert json.loads(stylemask("info", "--json", own_folder)[1])["name"] == "tiny"
    assert stylemask("reenact", "--strength", 1, "a.png", "-o", "c.png", "seed:1")[0] == 0


def test_after_two_dashes_a_name_may_begin_with_one(stylemask):
    face("-a.png")
    assert stylemask("reenact", "-o", "out.png", "--", "-a.png", "seed:1")[0] == 0
    assert Path("out.png").exists()


# help


@pytest.mark.parametrize("name", ["", *COMMANDS])
def test_every_help_has_examples_that_are_understood(capsys, name):
    parser = parser_of(name, COMMANDS[name]) if name else program_parser(COMMANDS)
    with pytest.raises(SystemExit) as end:
        main([*name.split(), "--help"])
    text = capsys.readouterr().out
    assert (end.value.code, text) == (0, parser.format_help())
    examples = re.findall(r"^  stylemask (.*)$", text.partition("\nexamples:\n")[2], re.M)
    assert examples
    for example in examples:
        command = read(shlex.split(example.partition(" >")[0]), COMMANDS)
        assert isinstance(command, COMMANDS[name or example.split()[0]])


def test_the_commands_of_the_readme_are_understood():
    lines = re.findall(r"^stylemask ([^#\n]*)", README.read_text(), re.M)
    assert len(lines) > 8
    for line in lines:
        read(shlex.split(line.partition(" > ")[0]), COMMANDS)


def test_the_program_without_arguments_points_to_its_help(refused):
    line = refused(2)
    assert all(name in line for name in COMMANDS)
    assert "--help" in line
