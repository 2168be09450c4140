"""What programs rely on: endpoints, their arguments in order, defaults, types and results.

`python -m tests.demo.test_api_contract --write` takes the present state over into
api_contract.json; do so only to add, never to change what programs already call.
"""

import json
import re
import sys

import pytest

from tests.support.demo_server import client_of, running, with_tools
from tests.support.helpers import ROOT

CONTRACT = ROOT / "tests" / "api_contract.json"
CHOICES = re.compile(r"Literal\[[^]]*\]")  # names of layers and models: they are the model's
WRITE = "python -m tests.demo.test_api_contract --write"


def endpoints(url):
    """What a server says of its endpoints."""
    client = client_of(url)
    named = client.view_api(print_info=False, return_format="dict")["named_endpoints"]
    return {
        name: {
            "arguments": [
                {
                    "name": x["parameter_name"],
                    "type": CHOICES.sub("str", x["python_type"]["type"]),
                    **({"default": x["parameter_default"]} if x["parameter_has_default"] else {}),
                }
                for x in endpoint["parameters"]
            ],
            "results": [f"{x['label']}: {x['python_type']['type']}" for x in endpoint["returns"]],
        }
        for name, endpoint in named.items()
    }


def tools(url):
    """What a server says of its tools."""

    listed = with_tools(url, lambda session: session.list_tools())
    return {tool.name: tool for tool in listed.tools}


def contract(url):
    schemas = {name: tool.inputSchema for name, tool in tools(url).items()}
    for schema in schemas.values():  # words may change, and names are the model's
        for argument in schema["properties"].values():
            del argument["description"]
            argument.pop("enum", None)
            argument.get("items", {}).pop("enum", None)
    return {"endpoints": endpoints(url), "tools": schemas}


@pytest.fixture(scope="module")
def url():
    with running("embedded") as demo:
        yield demo.local_url


def test_endpoints_and_tools_are_those_of_the_contract(url):
    found, agreed = contract(url), json.loads(CONTRACT.read_text())
    assert list(found["endpoints"]) == list(agreed["endpoints"])
    for kind in ("endpoints", "tools"):
        for name, promised in agreed[kind].items():
            assert found[kind][name] == promised, f"{name} changed; if that is meant: {WRITE}"
    assert found == agreed


def test_each_endpoint_is_a_tool_and_nothing_else_is(url):
    assert [f"/{name}" for name in tools(url)] == list(endpoints(url))


def test_tools_describe_themselves_and_each_argument(url):
    for tool in tools(url).values():
        assert len(tool.description) > 20
        for argument in tool.inputSchema["properties"].values():
            assert isinstance(argument["type"], str)
            assert len(argument["description"]) > 5


if __name__ == "__main__" and sys.argv[1:] == ["--write"]:
    with running("embedded") as demo:
        text = json.dumps(contract(demo.local_url), indent=1, ensure_ascii=False)
    CONTRACT.write_text(f"{text}\n")
