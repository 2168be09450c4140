"""Interface texts in English and German, from assets/texts.*.json and, for About, about.*.md.

`text("mix.more")` stands for one of them in any label, info, value or choice of a component, and
the browser puts in the words of its language. A string can hold one such mark. Errors and the names
of things in the API are English. Of the parts of the tables, "names" are words of Gradio's that it
has in English only, and which page.js replaces; "devices" and "marks" belong to the scripts of
these names.
"""

import json
import re
from pathlib import Path

import gradio as gr

ASSETS = Path(__file__).parent / "assets"
LANGUAGES = ("en", "de")
SECTION = re.compile(r"<!-- (\w+) -->\n(.*?)\s*(?=<!--|\Z)", re.DOTALL)


def _table(language: str) -> dict[str, dict[str, str]]:
    """Part → key → words."""
    table: dict[str, dict[str, str]] = json.loads(_read(f"texts.{language}.json"))
    return {**table, "about": dict(SECTION.findall(_read(f"about.{language}.md")))}


def _read(name: str) -> str:
    return (ASSETS / name).read_text(encoding="utf-8")


_TABLES = {language: _table(language) for language in LANGUAGES}
WORDS = {
    language: {
        f"{part}.{key}": words for part, keys in table.items() for key, words in keys.items()
    }
    for language, table in _TABLES.items()
}
I18N = gr.I18n(**WORDS)


def text(key: str) -> str:
    """The mark of a text, which the browser replaces; part and key, as in "mix.more"."""
    if key not in WORDS["en"]:
        raise KeyError(key)
    return str(I18N(key))


def in_all_languages(part: str) -> dict[str, dict[str, str]]:
    """The texts of a part by language and key, for scripts that draw them themselves."""
    return {language: table[part] for language, table in _TABLES.items()}


def asset(name: str, part: str | None = None) -> str:
    """A script or style sheet, with the texts of a part where it says TEXTS."""
    content = _read(name)
    if part is None:
        return content
    return content.replace("TEXTS", json.dumps(in_all_languages(part)))
