"""Saved indexes: a folder for each bank and embedder, written whole and checked when it is opened.

ROOT/EMBEDDER/BANK/manifest.json   what it is of, and sizes and hashes of the files
                   vectors.f32     row-major, a row a scenario
                   questions.npy   digest of each question, to reuse its vector for other banks
                   lists.faiss     lists of vectors, for approximate search
ROOT/EMBEDDER/BANK.part/           being made; an interrupted worker's successor goes on there
ROOT/EMBEDDER/BANK.lock            held by the worker of this host that makes it
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import shutil
import time
from collections.abc import Collection, Iterator
from pathlib import Path

import msgspec
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from app.domain.search import search_of
from workers.retrieval.embedding import Vectors
from workers.retrieval.index import ExampleIndex, Lists

_FORMAT = 1
_MANIFEST = "manifest.json"
_VECTORS = "vectors.f32"
_QUESTIONS = "questions.npy"
_LISTS = "lists.faiss"
_PART, _LOCK = ".part", ".lock"
_DIGEST_BYTES = 16
_UNUSED_S = 7 * 86_400
"""Seconds after which an index that was not opened is deleted, unless a name points to its bank."""

Digests = NDArray[np.bytes_]


class UnusableIndex(ValueError):
    """The files of an index are damaged, or not of the bank."""


class IndexKey(Struct, frozen=True):
    """What an index is of."""

    bank: str
    """Digest of the bank."""
    embedder: str
    """Name and revision."""
    scenarios: int

    @property
    def search(self) -> str:
        """The search that the index is for."""
        return search_of(self.scenarios)


class _File(Struct, frozen=True):
    bytes: int
    sha256: str


class _Manifest(Struct, frozen=True):
    format: int
    bank: str
    embedder: str
    scenarios: int
    dimensions: int
    search: str
    files: dict[str, _File]


class _Progress(Struct, frozen=True):
    """How far the vectors of an index have been made."""

    rows: int
    dimensions: int


class SavedIndex(Struct, frozen=True):
    """An index mapped from its folder."""

    vectors: Vectors
    questions: Digests
    lists: Lists | None

    @property
    def index(self) -> ExampleIndex:
        """The index to search in."""
        return ExampleIndex(self.vectors, self.lists)


class IndexFolder:
    """The folder of all saved indexes of a host."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def open(self, key: IndexKey) -> SavedIndex | None:
        """Map an index; None if there is none. Raises `UnusableIndex` and `OSError`."""
        folder = self._folder(key)
        if not folder.is_dir():
            return None
        manifest = _checked(folder, key)
        with contextlib.suppress(OSError):
            os.utime(folder)  # it is in use; the folder may be mounted read-only
        shape = (manifest.scenarios, manifest.dimensions)
        try:
            return SavedIndex(
                np.memmap(folder / _VECTORS, dtype=np.float32, mode="r", shape=shape),
                np.load(folder / _QUESTIONS, mmap_mode="r"),
                Lists.mapped(folder / _LISTS) if key.search else None,
            )
        except (ValueError, RuntimeError) as error:
            raise UnusableIndex(f"{folder}: {error}") from error

    def others(self, key: IndexKey, most: int = 8) -> Iterator[SavedIndex]:
        """The other usable indexes with the same embedder, the last used first."""
        folders = [
            one
            for one in self._folder(key).parent.iterdir()
            if one.is_dir() and one.suffix != _PART and one.name != key.bank
        ]
        for folder in sorted(folders, key=lambda one: -one.stat().st_mtime)[:most]:
            with contextlib.suppress(UnusableIndex, OSError):
                scenarios = _manifest(folder).scenarios
                if saved := self.open(IndexKey(folder.name, key.embedder, scenarios)):
                    yield saved

    @contextlib.contextmanager
    def lock(self, key: IndexKey) -> Iterator[None]:
        """Wait until no other worker of this host makes this index. Raises `OSError`."""
        folder = self._folder(key)
        folder.parent.mkdir(parents=True, exist_ok=True)
        with open(_beside(folder, _LOCK), "wb") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def start(self, key: IndexKey) -> Draft:
        """Start to make an index, or go on with what another worker began. Raises `OSError`."""
        folder = self._folder(key)
        return Draft(key, _beside(folder, _PART), folder)

    def remove(self, key: IndexKey) -> None:
        """Remove an index. Raises `OSError`."""
        shutil.rmtree(self._folder(key))

    def prune(self, current: Collection[str]) -> list[str]:
        """Delete what was not used for a week, except indexes of current banks; names of those."""
        pruned: list[str] = []
        oldest = time.time() - _UNUSED_S
        for folder in self._root.glob("*/*"):
            with contextlib.suppress(OSError):
                bank = folder.name.partition(".")[0]
                if bank in current or folder.stat().st_mtime > oldest:
                    continue
                if folder.is_dir() and not folder.is_symlink() and _is_ours(folder):
                    shutil.rmtree(folder)
                    pruned.append(folder.name)
        return pruned

    def _folder(self, key: IndexKey) -> Path:
        return self._root / _as_name(key.embedder) / key.bank


class Draft:
    """An index that is being made. Its vectors survive the worker that makes it."""

    def __init__(self, key: IndexKey, folder: Path, target: Path) -> None:
        self._key = key
        self._folder = folder
        self._target = target
        folder.mkdir(exist_ok=True)
        self._progress = self._known_progress()

    @property
    def rows(self) -> int:
        """Rows whose vectors are made."""
        return self._progress.rows

    def vectors(self, dimensions: int) -> Vectors:
        """The vectors, to be filled in, of which the first `rows` are made already."""
        if self._progress.dimensions != dimensions:
            self._progress = _Progress(0, dimensions)
        path, size = self._folder / _VECTORS, self._key.scenarios * dimensions * 4
        with open(path, "r+b" if path.exists() else "w+b") as file:
            # Room for the whole file: a full disk shows here and not as a signal when the mapped
            # memory is written to.
            os.posix_fallocate(file.fileno(), 0, size)
            os.truncate(file.fileno(), size)
        shape = (self._key.scenarios, dimensions)
        return np.memmap(path, dtype=np.float32, mode="r+", shape=shape)

    def made(self, vectors: Vectors, rows: int) -> None:
        """Record that the first `rows` are made."""
        if isinstance(vectors, np.memmap):
            vectors.flush()
        self._progress = _Progress(rows, vectors.shape[1])
        _write(self._folder / "progress.json", msgspec.json.encode(self._progress))

    def finish(self, vectors: Vectors, questions: Digests) -> None:
        """Write the other files and put the folder in its place. Raises `OSError`."""
        names = [_VECTORS, _QUESTIONS]
        np.save(self._folder / _QUESTIONS, questions)
        if self._key.search:
            Lists.build(vectors).write(self._folder / _LISTS)
            names.append(_LISTS)
        manifest = _Manifest(
            _FORMAT,
            self._key.bank,
            self._key.embedder,
            len(vectors),
            vectors.shape[1],
            self._key.search,
            {name: _described(self._folder / name) for name in names},
        )
        (self._folder / "progress.json").unlink(missing_ok=True)
        _write(self._folder / _MANIFEST, msgspec.json.encode(manifest))
        for name in names:
            with open(self._folder / name, "rb") as file:
                os.fsync(file.fileno())
        self._folder.rename(self._target)

    def _known_progress(self) -> _Progress:
        try:
            content = (self._folder / "progress.json").read_bytes()
            return msgspec.json.decode(content, type=_Progress)
        except (OSError, msgspec.DecodeError):
            return _Progress(0, 0)


def digests_of(questions: list[str]) -> Digests:
    """A digest of each question."""
    digests = [hashlib.blake2b(q.encode(), digest_size=_DIGEST_BYTES).digest() for q in questions]
    return np.array(digests, dtype=f"S{_DIGEST_BYTES}")


def _checked(folder: Path, key: IndexKey) -> _Manifest:
    """The manifest of an index, if everything agrees with it. Raises `UnusableIndex`."""
    manifest = _manifest(folder)
    has = (manifest.bank, manifest.embedder, manifest.scenarios, manifest.search)
    wanted = (key.bank, key.embedder, key.scenarios, key.search)
    if manifest.format != _FORMAT or has != wanted:
        raise UnusableIndex(f"{folder} is of something else: format {manifest.format}, {has}")
    for name, described in manifest.files.items():
        path = folder / name
        if not path.is_file():
            raise UnusableIndex(f"{path} is missing")
        if _described(path) != described:
            raise UnusableIndex(f"{path} is damaged: its hash is not that of the manifest")
    if manifest.files[_VECTORS].bytes != manifest.scenarios * manifest.dimensions * 4:
        raise UnusableIndex(f"{folder / _VECTORS} has another size than its vectors")
    return manifest


def _manifest(folder: Path) -> _Manifest:
    try:
        return msgspec.json.decode((folder / _MANIFEST).read_bytes(), type=_Manifest)
    except (OSError, msgspec.DecodeError) as error:
        raise UnusableIndex(f"{folder / _MANIFEST} cannot be read: {error}") from error


def _is_ours(folder: Path) -> bool:
    return any((folder / name).exists() for name in (_MANIFEST, "progress.json", _VECTORS))


def _described(path: Path) -> _File:
    with open(path, "rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        return _File(os.fstat(file.fileno()).st_size, sha256)


def _write(path: Path, content: bytes) -> None:
    """Replace a small file whole."""
    whole = path.with_name(path.name + ".new")
    with open(whole, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    whole.replace(path)


def _beside(folder: Path, suffix: str) -> Path:
    return folder.with_name(folder.name + suffix)


def _as_name(embedder: str) -> str:
    """A file name for an embedder, which may be named by a path."""
    digest = hashlib.sha256(embedder.encode()).hexdigest()[:8]
    return f"{re.sub(r'[^A-Za-z0-9._-]+', '_', embedder)[-60:]}-{digest}"
