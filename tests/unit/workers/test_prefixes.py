"""Which tokens a prefix cache would serve."""

from hypothesis import given
from hypothesis import strategies as st

from workers.engines.prefixes import PrefixCache

LONG = list(range(100))


def test_whole_blocks_at_the_start_that_were_seen_before_are_served():
    cache = PrefixCache()
    assert cache.serve(LONG) == 0
    assert cache.serve([*LONG[:50], 7, 7, 7]) == 48
    assert cache.serve([7, *LONG]) == 0
    assert cache.serve(LONG[:20]) == 16


def test_a_block_is_served_only_after_the_same_blocks():
    cache = PrefixCache()
    cache.serve(LONG)
    assert cache.serve([0] * 16 + LONG[16:]) == 0


def test_the_last_token_is_always_computed():
    cache = PrefixCache()
    cache.serve(LONG[:64])
    assert cache.serve(LONG[:64]) == 48
    assert cache.serve([]) == 0


@given(st.lists(st.lists(st.integers(0, 1), max_size=80), max_size=6))
def test_what_is_served_is_the_longest_common_start_in_blocks(prompts):
    cache = PrefixCache()
    for number, prompt in enumerate(prompts):
        common = [
            next((i for i, (a, b) in enumerate(zip(prompt, other, strict=False)) if a != b),
                 min(len(prompt), len(other)))
            for other in prompts[:number]
        ]  # fmt: skip
        longest = min(max(common, default=0), len(prompt) - 1)
        assert cache.serve(prompt) == max(longest, 0) // 16 * 16
