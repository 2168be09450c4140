"""Interface texts in English and German, a module a part of the page.

Each module has TEXTS: key → (English, German). `text("mix.source")` stands for one of them in
any label, info, value or choice of a component, and the browser puts in the words of its language.
A string can hold one such mark. Errors and the names of things in the API are English.
"""

import gradio as gr

from demo.texts import (
    about,
    devices,
    identity,
    inspect,
    links,
    marks,
    mix,
    names,
    page,
    reenact,
    verify,
)

LANGUAGES = ("en", "de")
_PARTS = {
    "about": about,
    "devices": devices,
    "identity": identity,
    "inspect": inspect,
    "links": links,
    "marks": marks,
    "mix": mix,
    "names": names,
    "page": page,
    "reenact": reenact,
    "verify": verify,
}
WORDS: dict[str, dict[str, str]] = {
    language: {
        f"{part}.{key}": words[index]
        for part, module in _PARTS.items()
        for key, words in module.TEXTS.items()
    }
    for index, language in enumerate(LANGUAGES)
}
I18N = gr.I18n(**WORDS)


def text(key: str) -> str:
    """The mark of a text, which the browser replaces.

    Args:
        key: part and key, as in "mix.source".

    Raises:
        KeyError: there is no such text.
    """
    if key not in WORDS["en"]:
        raise KeyError(key)
    return str(I18N(key))


def in_all_languages(part: str) -> dict[str, dict[str, str]]:
    """The texts of a part by language and key, for scripts that draw them themselves."""
    return {
        language: {key: words[index] for key, words in _PARTS[part].TEXTS.items()}
        for index, language in enumerate(LANGUAGES)
    }
