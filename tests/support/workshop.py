"""A small C++ library whose compiler a test has in its hand."""

import shlex
from pathlib import Path

import pytest

from op.build import Library

SOURCE = '#include "number.h"\nextern "C" int answer() { return NUMBER; }\n'
BROKEN = 'extern "C" int answer() { return nothing; }\n'


class Workshop:
    """A source, a compiler that counts its runs, and a cache of their own."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.monkeypatch = folder, monkeypatch
        folder.mkdir()
        self.home = folder / "home"
        monkeypatch.setenv("STYLEMASK_HOME", str(self.home))
        for variable in ("STYLEMASK_OPS", "STYLEMASK_BUILD_TIMEOUT"):
            monkeypatch.delenv(variable, raising=False)
        self.source, self.header = folder / "answer.cpp", folder / "number.h"
        self.source.write_text(SOURCE)
        self.header.write_text("#define NUMBER 42\n")
        self.compiler, self.gate = folder / "compiler", folder / "gate"
        self.before_compiling("")

    def before_compiling(self, script: str) -> None:
        """Let the compiler do something first."""
        runs = shlex.quote(str(self.folder / "runs"))
        lines = ["#!/bin/sh", f"echo $$ >> {runs}", script, 'exec g++ "$@"', ""]
        self.compiler.write_text("\n".join(lines))
        self.compiler.chmod(0o755)

    def close_gate(self) -> None:
        """Let compilers wait until `gate` is there."""
        self.before_compiling(f'while [ ! -e "{self.gate}" ]; do sleep 0.02; done')

    def library(self, **changes) -> Library:
        """What a process that starts now knows: nothing yet."""
        changes.setdefault("command", lambda: [str(self.compiler), "-shared", "-fPIC"])
        return Library("answer", [self.source], [self.header], **changes)

    @property
    def compilers(self) -> list[int]:
        """Process ids of the compilers that ran."""
        path = self.folder / "runs"
        return [int(line) for line in path.read_text().split()] if path.exists() else []

    def files(self, pattern: str = "*") -> list[Path]:
        return sorted(self.home.rglob(pattern))
