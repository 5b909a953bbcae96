"""vLLM's processes on a CPU preload the system's tcmalloc."""

from __future__ import annotations

import pytest

from workers.engines.vllm import preload_with_tcmalloc

MINIMAL = {"tcmalloc_minimal": "libtcmalloc_minimal.so.4", "tcmalloc": "libtcmalloc.so.4"}


@pytest.mark.parametrize(
    ("preload", "system", "expected"),
    [
        ("", MINIMAL, "libtcmalloc_minimal.so.4"),
        ("", {"tcmalloc": "libtcmalloc.so.4"}, "libtcmalloc.so.4"),
        ("libgomp.so.1", MINIMAL, "libtcmalloc_minimal.so.4:libgomp.so.1"),
        ("libjemalloc.so.2", MINIMAL, "libjemalloc.so.2"),
        ("/opt/libtcmalloc.so", MINIMAL, "/opt/libtcmalloc.so"),
        ("libgomp.so.1", {}, "libgomp.so.1"),
        ("", {}, ""),
    ],
)
def test_tcmalloc_comes_first_if_the_system_has_it_and_no_other_allocator_is_preloaded(
    preload, system, expected
):
    assert preload_with_tcmalloc(preload, system.get) == expected
