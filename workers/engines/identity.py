"""Revisions of models: what tells two sets of weights apart."""

from __future__ import annotations

import hashlib
from pathlib import Path

_SAMPLES = 256
_SAMPLE_BYTES = 1 << 17
_DESCRIBING = (".json", ".txt", ".model", ".jinja", ".tiktoken")
"""Configuration, tokenizer, chat template, the modules of a sentence embedder."""
_WEIGHTS = (".safetensors", ".bin", ".gguf")


def folder_revision(folder: Path) -> str:
    """Digest of a local model folder: `sha256:` and 16 hexadecimal characters.

    Configuration and tokenizer count in full, those in folders within as well; of each weights file
    the size and 256 pieces of 128 KiB, evenly spread (all of it up to 32 MiB), because hashing tens
    of GB would delay every start by minutes. A change that touches a few weights only may go
    unseen: give such a copy a name of its own (AZIMUTH_MODEL_NAME).
    """
    digest = hashlib.sha256()
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        within = path.relative_to(folder).as_posix()
        if within.startswith(".") or "/." in within:
            continue  # what a download keeps for itself
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
    """Revision of a model: a folder's digest, or the commit in the local Hugging Face cache."""
    return _revision(model, asked, "config.json")


def tokenizer_revision(name: str, asked: str | None) -> str:
    """Revision of a tokenizer, as `model_revision` tells that of a model."""
    return _revision(name, asked, "tokenizer_config.json")


def _revision(name: str, asked: str | None, file: str) -> str:
    folder = Path(name)
    if folder.is_dir():
        return folder_revision(folder)
    from transformers.utils.hub import cached_file, extract_commit_hash

    try:
        commit = extract_commit_hash(cached_file(name, file, revision=asked), None)
    except OSError:  # not every repository has that file; what is needed of it has been loaded
        commit = None
    return str(commit or asked or "unknown")


def model_name(model: str, asked: str | None) -> str:
    """The name to announce: the one asked for, else the folder's or the hub's."""
    return asked or (Path(model).resolve().name if Path(model).is_dir() else model)
