"""Covariance of a bank's labels."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.bank import LabelledScenario
from app.domain.selection.covariance import LEAST_VARIANCE, SHRINKAGE, label_covariance


def bank(*labels):
    return [LabelledScenario(str(i), "q", ("r",), (one,)) for i, one in enumerate(labels)]


def test_label_covariance_is_shrunk_towards_zero():
    labels = [{"a": 0.0, "b": 0.0}, {"a": 1.0, "b": 0.5}, {"a": 0.5, "b": 0.5}]
    covariance = label_covariance(bank(*labels), ["a", "b"])
    plain = np.cov([[0, 1, 0.5], [0, 0.5, 0.5]], bias=True)
    assert np.diag(covariance) == pytest.approx(np.diag(plain))
    assert covariance[0, 1] == pytest.approx((1 - SHRINKAGE) * plain[0, 1])


def test_covariance_uses_responses_with_labels_on_both_attributes():
    labels = [{"a": 0.0, "b": 0.0}, {"a": 1.0, "b": 1.0}, {"a": 0.5}, {"c": 0}, {"c": 1}]
    covariance = label_covariance(bank(*labels), ["a", "b", "c"])
    assert covariance[0, 1] > 0
    assert covariance[0, 2] == covariance[1, 2] == 0


def test_the_variance_of_an_attribute_has_a_lower_bound():
    covariance = label_covariance(bank({"a": 1.0}, {"a": 1.0}), ["a"])
    assert covariance[0, 0] == LEAST_VARIANCE


def test_an_attribute_with_too_few_labels_is_nan_and_does_not_affect_others():
    labels = [{"a": 1.0, "c": 0.0}, {"a": 0.0, "b": 1.0, "c": 1.0}]
    covariance = label_covariance(bank(*labels), ["a", "b", "c"])
    assert np.isnan(covariance[1]).all()
    assert np.isnan(covariance[:, 1]).all()
    assert (
        covariance[np.ix_([0, 2], [0, 2])].tolist()
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
def test_the_covariance_can_always_be_inverted(labels):
    labels += [dict.fromkeys("abcd", 0.0), dict.fromkeys("abcd", 1.0)]
    covariance = label_covariance(bank(*labels), list("abcd"))
    assert np.allclose(covariance, covariance.T)
    assert np.linalg.eigvalsh(covariance).min() > 0
