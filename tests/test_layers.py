"""Who may import whom: app → demo → stylemask → stylemask_core → op, and nothing upwards."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LAYERS = ("app", "demo", "stylemask", "stylemask_core", "op")
BESIDE = ("training", "benchmarks", "examples", "scripts", "space", "tests")
HEAVY = ("torch", "numpy", "PIL", "safetensors")  # only what is used of the package loads them
OF_OTHERS = ("gradio", "matplotlib", "huggingface_hub", "cv2", "face_alignment", "av", "gdown")


def imports(path: Path) -> Iterator[tuple[str, bool]]:
    """What a file imports, and whether at once: not within a function, nor for a type checker."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    inner = {
        node
        for block in ast.walk(tree)
        if isinstance(block, ast.FunctionDef | ast.AsyncFunctionDef)
        or (isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING")
        for node in ast.walk(block)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((name.name, node not in inner) for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0 and node.module, f"{path}: a relative import"
            yield from ((f"{node.module}.{name.name}", node not in inner) for name in node.names)


def files(layer: str) -> list[Path]:
    return [ROOT / "app.py"] if layer == "app" else sorted((ROOT / layer).rglob("*.py"))


@pytest.mark.parametrize("layer", LAYERS)
def test_a_layer_imports_only_those_below_it(layer):
    above = {*LAYERS[: LAYERS.index(layer)], *BESIDE}
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in files(layer)
        for name, _ in imports(path)
        if name.split(".")[0] in above
    ]
    assert files(layer) and wrong == []


def test_the_core_imports_what_others_need_only_where_it_is_used():
    names = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in files("stylemask_core")
        for name, at_once in imports(path)
        if at_once and name.split(".")[0] in OF_OTHERS
    ]
    assert names == []


@pytest.mark.parametrize(
    ("statement", "without"),
    [
        ("import stylemask_core", HEAVY + OF_OTHERS),
        ("from stylemask_core import InvalidInputError", HEAVY + OF_OTHERS),
        ("from stylemask_core import StyleMaskPipeline", OF_OTHERS),
        ("import stylemask.cli.main", ("torch", *OF_OTHERS)),
    ],
)
def test_an_import_loads_no_more_than_it_must(statement, without):
    script = f"{statement}; import sys; print(*sys.modules)"
    command = [sys.executable, "-c", script]
    loaded = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert not {*without} & {*loaded.split()}


def test_no_module_imports_itself_by_way_of_others():
    known = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
        for layer in LAYERS
        for path in files(layer)
    }
    graph = {
        module: {
            target
            for name, at_once in imports(path)
            if at_once and (target := name if name in known else name.rpartition(".")[0]) in known
        }
        for module, path in known.items()
    }

    def visit(module: str, trail: tuple[str, ...]) -> None:
        assert module not in trail, " → ".join((*trail, module))
        if module not in done:
            for target in sorted(graph[module]):
                visit(target, (*trail, module))
            done.add(module)

    done: set[str] = set()
    for module in sorted(graph):
        visit(module, ())
