"""The machine-readable head of a model card, as the Hub reads it."""

import re

from stylemask_core.config import ModelConfig
from stylemask_core.errors import WeightsError

HUB_LICENCES = ("cc0-1.0", "cc-by-4.0", "cc-by-nc-4.0", "mit", "apache-2.0")  # it knows more
LICENCE_LINKS = {
    "nvidia-source-code-license-nc": "https://github.com/NVlabs/stylegan2/blob/master/LICENSE.txt",
}
TAGS = ["stylegan2", "face-reenactment", "stylemask"]
FENCE = "---\n"


def front_matter(config: ModelConfig) -> str:
    """The YAML block a model's card begins with, fences and a line's end included."""
    from huggingface_hub import ModelCardData

    return f"{FENCE}{ModelCardData(**_fields(config)).to_yaml()}\n{FENCE}"


def with_front_matter(card: str, config: ModelConfig) -> str:
    """Add to a card what the Hub wants to read and the card does not say.

    Args:
        card: text of a model card; what its front matter says is kept.
        config: of the model.

    Raises:
        WeightsError: the card's front matter is no YAML.
    """
    from huggingface_hub import ModelCard, ModelCardData
    from yaml import YAMLError

    if not card.startswith(FENCE):
        return f"{front_matter(config)}\n{card}"
    try:
        given = ModelCard(card, ignore_metadata_errors=False)
        said = given.data.to_dict()
    except (ValueError, YAMLError) as error:
        raise WeightsError(f"the front matter of README.md cannot be read: {error}") from error
    if "license" in said:  # its name and link go with it
        fields = {key: value for key, value in _fields(config).items() if "license" not in key}
    else:
        fields = _fields(config)
    if set(fields) <= set(said):
        return card
    given.data = ModelCardData(**{**fields, **said})
    return str(given)


def _fields(config: ModelConfig) -> dict[str, str | list[str]]:
    fields: dict[str, str | list[str]] = {
        "library_name": "stylemask",
        "pipeline_tag": "image-to-image",
        "tags": TAGS,
    }
    plain = config.licence.partition("(")[0].lower()  # without a remark in brackets
    name = re.sub(r"[^a-z0-9.]+", "-", plain).strip("-")
    if name in HUB_LICENCES:
        fields["license"] = name
    elif name:
        fields |= {"license": "other", "license_name": name}
        if name in LICENCE_LINKS:
            fields["license_link"] = LICENCE_LINKS[name]
    return fields
