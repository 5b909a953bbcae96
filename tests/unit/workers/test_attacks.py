"""Attacks on the judge: what endpoints that take messages are sent, and the corpus itself."""

import pytest

from scripts.benchmark.attacks.corpus import ATTACKS, TEMPLATE_TOKENS
from workers.tokenization.chat import neutralised

ALL = [text for texts in ATTACKS.values() for text in texts]


def test_the_corpus_has_a_hundred_different_attacks():
    assert len(set(ALL)) == len(ALL) >= 100


@pytest.mark.parametrize("token", TEMPLATE_TOKENS)
def test_a_template_token_is_neutralised_wherever_it_stands(token):
    for text in (token, f"a{token}b", f"<|{token}|>", f"[|{token}|]", f"<{token}>", token * 2):
        assert token not in neutralised(text), text


@pytest.mark.parametrize("kind", ATTACKS)
def test_no_template_token_is_left_in_an_attack(kind):
    for attack in ATTACKS[kind]:
        safe = neutralised(attack)
        assert [token for token in TEMPLATE_TOKENS if token in safe] == [], attack[:80]
        assert safe.replace("\u2060", "") == attack.replace("\u2060", "")
        assert neutralised(safe) == safe


@pytest.mark.parametrize(
    "text",
    [
        "<b>bold</b> and <div class='x'>",
        "a < b_c > d",
        "List<T> of Map<K, V>, x[0], a[i][j], [IN]",
        "see [1] and [the list]",
        "|a|b|",
        "approx. ~b and ~!b",
    ],
)
def test_ordinary_markup_and_code_stay_as_they_are(text):
    assert neutralised(text) == text
