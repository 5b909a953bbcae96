"""Revisions of models: different weights have different revisions."""

from __future__ import annotations

import hashlib
from pathlib import Path

_SAMPLES = 256
_SAMPLE_BYTES = 1 << 17
_DESCRIBING = (".json", ".txt", ".model", ".jinja", ".tiktoken")
"""Configuration, tokenizer, chat template, the modules of a sentence embedder."""
_WEIGHTS = (".safetensors", ".bin", ".gguf")


def folder_revision(folder: Path) -> str:
    """Return a digest of a local model folder: `sha256:` and 16 hexadecimal characters.

    It covers configuration and tokenizer files in full, also in subfolders. Of each weights file it
    covers the size and 256 evenly spread pieces of 128 KiB (all of a file up to 32 MiB), because
    hashing tens of GB would delay every start by minutes. A change to a few weights may be missed:
    give such a copy its own name (AZIMUTH_MODEL_NAME).
    """
    digest = hashlib.sha256()
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        within = path.relative_to(folder).as_posix()
        if within.startswith(".") or "/." in within:
            continue  # files of the download tool
        if path.suffix in _DESCRIBING:
            digest.update(f"{within}\0".encode() + hashlib.sha256(path.read_bytes()).digest())
        elif path.suffix in _WEIGHTS:
            size = path.stat().st_size
            digest.update(f"{within}\0{size}\0".encode())
            with path.open("rb") as weights:
                for sample in range(_SAMPLES):
                    weights.seek(max(0, size - _SAMPLE_BYTES) * sample // (_SAMPLES - 1))
                    digest.update(weights.read(_SAMPLE_BYTES))
    return f"sha256:{digest.hexdigest()[:16]}"


def model_revision(model: str, asked: str | None) -> str:
    """Return a folder's digest, or a model's commit in the local Hugging Face cache."""
    return _revision(model, asked, "config.json")


def tokenizer_revision(name: str, asked: str | None) -> str:
    """Return the revision of a tokenizer, as `model_revision` does for a model."""
    return _revision(name, asked, "tokenizer_config.json")


def _revision(name: str, asked: str | None, file: str) -> str:
    folder = Path(name)
    if folder.is_dir():
        return folder_revision(folder)
    from transformers.utils.hub import cached_file, extract_commit_hash

    try:
        commit = extract_commit_hash(cached_file(name, file, revision=asked), None)
    except OSError:  # not every repository has that file; the model itself has been loaded
        commit = None
    return str(commit or asked or "unknown")


def model_name(model: str, asked: str | None) -> str:
    """Return the name to announce: the one asked for, else the folder's or the hub's."""
    return asked or (Path(model).resolve().name if Path(model).is_dir() else model)
