"""Progress of downloads: bars on a terminal, silence elsewhere."""

import io

from huggingface_hub import constants
from huggingface_hub.utils import are_progress_bars_disabled

from stylemask.cli.console import console_progress
from stylemask_core.downloads import bar_class, bars_on_a_terminal_only


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def draw() -> None:
    with console_progress() as progress:
        for done in (0, 600_000, 1_000_000):
            progress("weights", done, 1_000_000)


def test_a_terminal_gets_one_bar_a_file_up_to_its_end_and_nothing_else_any(monkeypatch, capsys):
    draw()
    assert capsys.readouterr() == ("", "")
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    draw()
    assert "weights: 100%" in terminal.getvalue()
    assert "1.00M/1.00M" in terminal.getvalue()


def test_a_command_line_draws_the_download_on_a_terminal(
    hub_server, tiny_folder, stylemask, monkeypatch
):
    hub_server.add("user/tiny", tiny_folder)
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    assert stylemask("info", "--model", "user/tiny")[0] == 0
    assert "user/tiny: 100%" in terminal.getvalue()


def test_bytes_that_have_to_be_sent_again_are_taken_back():
    told = []
    bar = bar_class("weights", lambda *step: told.append(step))(total=100, initial=20, unit="B")
    for step in (30, -50, 100):
        bar.update(step)
    assert told == [("weights", 50, 100), ("weights", 0, 100), ("weights", 100, 100)]


def test_the_bars_of_huggingface_hub_come_back_after_they_were_silenced(monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_PROGRESS_BARS", None)
    assert not are_progress_bars_disabled()
    with bars_on_a_terminal_only():
        assert are_progress_bars_disabled()
    assert not are_progress_bars_disabled()
