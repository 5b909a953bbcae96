"""Covariance of a bank's labels."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.bank import LabelledScenario
from app.domain.selection.covariance import LEAST_VARIANCE, SHRINKAGE, label_covariance


def bank(*labels):
    return [LabelledScenario(str(i), "q", ("r",), (one,)) for i, one in enumerate(labels)]


def test_it_is_that_of_the_labels_shrunk_towards_none():
    labels = [{"a": 0.0, "b": 0.0}, {"a": 1.0, "b": 0.5}, {"a": 0.5, "b": 0.5}]
    found = label_covariance(bank(*labels), ["a", "b"])
    plain = np.cov([[0, 1, 0.5], [0, 0.5, 0.5]], bias=True)
    assert np.diag(found) == pytest.approx(np.diag(plain))
    assert found[0, 1] == pytest.approx((1 - SHRINKAGE) * plain[0, 1])


def test_pairs_are_estimated_from_what_is_labelled_on_both():
    labels = [{"a": 0.0, "b": 0.0}, {"a": 1.0, "b": 1.0}, {"a": 0.5}, {"c": 0}, {"c": 1}]
    found = label_covariance(bank(*labels), ["a", "b", "c"])
    assert found[0, 1] > 0
    assert found[0, 2] == found[1, 2] == 0


def test_an_attribute_that_hardly_varies_does_not_weigh_a_thousandfold():
    found = label_covariance(bank({"a": 1.0}, {"a": 1.0}), ["a"])
    assert found[0, 0] == LEAST_VARIANCE


def test_an_attribute_with_too_few_labels_has_none_and_spoils_no_others():
    labels = [{"a": 1.0, "c": 0.0}, {"a": 0.0, "b": 1.0, "c": 1.0}]
    found = label_covariance(bank(*labels), ["a", "b", "c"])
    assert np.isnan(found[1]).all()
    assert np.isnan(found[:, 1]).all()
    assert (
        found[np.ix_([0, 2], [0, 2])].tolist()
        == label_covariance(bank(*labels), ["a", "c"]).tolist()
    )
    assert np.isnan(label_covariance([], ["a"])).all()


@given(
    st.lists(
        st.dictionaries(st.sampled_from("abcd"), st.floats(0, 1), min_size=1),
        min_size=8,
        max_size=20,
    )
)
def test_it_can_always_be_inverted(labels):
    labels += [dict.fromkeys("abcd", 0.0), dict.fromkeys("abcd", 1.0)]
    found = label_covariance(bank(*labels), list("abcd"))
    assert np.allclose(found, found.T)
    assert np.linalg.eigvalsh(found).min() > 0
