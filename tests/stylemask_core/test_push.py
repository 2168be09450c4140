"""Publishing a model: one commit with a model's five files, by the real huggingface_hub client."""

import shutil
from dataclasses import replace

import pytest
import torch
from huggingface_hub import ModelCard

from stylemask_core import StyleMaskPipeline, WeightsError
from stylemask_core.models import model_folder
from stylemask_core.models.hub import with_front_matter
from tests.support.helpers import change_tensors

REPO = "user/new"
NVIDIA = "NVIDIA Source Code License-NC (no commercial use)"


@pytest.fixture
def signed_in(hub_server, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", hub_server.token)
    return hub_server


def head(server) -> tuple[str, dict[str, bytes]]:
    """Commit of the repository's main branch, and its files."""
    repository = server.repositories[REPO]
    return repository.refs["main"], repository.commits[repository.refs["main"]]


def test_a_pushed_pipeline_comes_back_bit_by_bit(signed_in, tiny_pipeline):
    url = tiny_pipeline.push_to_hub(REPO)
    sha, files = head(signed_in)
    assert url == f"{signed_in.url}/{REPO}/commit/{sha}"
    assert sorted(files) == sorted(model_folder.FILES)
    loaded = StyleMaskPipeline.from_pretrained(REPO, device="cpu")
    assert (loaded.revision, loaded.config) == (sha, tiny_pipeline.config)
    for part in model_folder.PARTS:
        expected = getattr(tiny_pipeline.model, part).state_dict()
        found = getattr(loaded.model, part).state_dict()
        assert all(torch.equal(found[name], expected[name]) for name in expected)


def test_stylemask_push_uploads_the_folders_own_bytes_and_prints_the_commit(
    signed_in, stylemask, tiny_folder
):
    code, out, err = stylemask("push", tiny_folder, REPO, "--private")
    sha, files = head(signed_in)
    assert (code, out, err) == (0, f"{signed_in.url}/{REPO}/commit/{sha}\n", "")
    for name in model_folder.FILES:
        if name != model_folder.CARD_NAME:
            assert files[name] == (tiny_folder / name).read_bytes()
    assert signed_in.repositories[REPO].private


def test_without_a_token_nothing_is_sent_and_the_way_to_sign_in_is_told(
    hub_server, refused, tiny_folder
):
    line = refused(1, "push", tiny_folder, REPO)
    assert "HF_TOKEN" in line
    assert "hf auth login" in line
    assert hub_server.requests == []


def test_a_token_that_may_not_write_is_told(hub_server, refused, tiny_folder, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_other")
    line = refused(1, "push", tiny_folder, REPO)
    assert "does not accept the token" in line
    assert "hf_other" not in line


def test_a_broken_model_is_not_published(signed_in, refused, own_folder):
    change_tensors(own_folder, "encoder", latent_avg=torch.full((6, 16), float("inf")))
    assert "latent_avg has values that are not finite" in refused(1, "push", own_folder, REPO)
    shutil.rmtree(own_folder)
    assert "there is no folder" in refused(1, "push", own_folder, REPO)
    assert signed_in.requests == []


@pytest.mark.parametrize("name", ["repo", "user/repo@main", "a/b/c", "user/re po"])
def test_a_name_that_can_be_no_repository_is_refused(signed_in, refused, tiny_folder, name):
    refused(1, "push", tiny_folder, name)
    assert signed_in.requests == []


# model cards


def test_a_card_gets_the_front_matter_the_hub_reads(tiny_model):
    card = ModelCard(with_front_matter("# Tiny\n", replace(tiny_model.config, licence="CC0-1.0")))
    assert card.data.license == "cc0-1.0"
    assert card.data.library_name == "stylemask"
    assert card.data.pipeline_tag == "image-to-image"
    assert "face-reenactment" in card.data.tags
    assert card.text.strip() == "# Tiny"


def test_a_licence_the_hub_has_no_name_for_is_named_and_linked(tiny_model):
    data = ModelCard(with_front_matter("", replace(tiny_model.config, licence=NVIDIA))).data
    assert (data.license, data.license_name) == ("other", "nvidia-source-code-license-nc")
    assert data.license_link.startswith("https://github.com/NVlabs/stylegan2/")


def test_what_a_card_says_already_is_kept(tiny_model):
    config = replace(tiny_model.config, licence=NVIDIA)
    card = "---\nlicense: mit\ntags: [mine]\n---\n\n# Mine\n"
    data = ModelCard(with_front_matter(card, config)).data
    assert (data.license, data.tags) == ("mit", ["mine"])
    assert data.license_name is None
    assert data.pipeline_tag == "image-to-image"
    whole = with_front_matter(card, config)
    assert with_front_matter(whole, config) == whole


def test_front_matter_that_is_no_yaml_is_refused(tiny_model):
    with pytest.raises(WeightsError, match=r"README\.md"):
        with_front_matter("---\ntags: [\n---\n# Tiny\n", tiny_model.config)
