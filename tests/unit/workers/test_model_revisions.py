"""Revisions: a change of any file that matters changes the revision."""

import shutil

import pytest

from workers.engines.identity import folder_revision, model_revision, tokenizer_revision

FILES = {
    "config.json": b"{}",
    "tokenizer.json": b"{}",
    "model.safetensors": b"weights" * 100,
    "modules.json": b"[]",
    "sentence_bert_config.json": b'{"max_seq_length": 256}',
    "1_Pooling/config.json": b'{"mean": true}',
    "2_Dense/model.safetensors": b"more weights",
    "chat_template.jinja": b"{{ messages }}",
    "tokenizer.model": b"pieces",
}


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "model"
    for name, content in FILES.items():
        path = made / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return made


@pytest.mark.parametrize("name", FILES)
def test_a_change_of_any_file_that_matters_changes_the_revision(folder, name):
    before = folder_revision(folder)
    (folder / name).write_bytes(FILES[name] + b" ")
    assert folder_revision(folder) != before
    (folder / name).unlink()
    assert folder_revision(folder) != before


def test_a_copy_has_the_same_revision_whatever_other_files_it_has(folder, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    (copy / "README.md").write_text("Read me.")
    (copy / ".cache").mkdir()
    (copy / ".cache" / "state.json").write_text("{}")
    assert folder_revision(copy) == folder_revision(folder)


def test_revisions_are_stable_over_versions_of_azimuth(tmp_path):
    """Cached scores must still be found after an upgrade."""
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    assert folder_revision(tmp_path) == "sha256:797854b9bc2d1c39"


@pytest.mark.parametrize("revision", [model_revision, tokenizer_revision])
def test_a_repository_without_the_file_with_the_commit_is_no_error(revision, monkeypatch):
    from transformers.utils import hub

    def missing(name, file, revision=None):
        raise OSError(f"{name} has no {file}")

    monkeypatch.setattr(hub, "cached_file", missing)
    assert revision("nobody/nothing", "v2") == "v2"
    assert revision("nobody/nothing", None) == "unknown"
