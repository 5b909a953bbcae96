"""The calibrations that ship: small files that name whose labels they rest on."""

import pytest
from msgspec.structs import replace

from app.domain.calibration.artefact import from_bytes
from app.domain.fingerprint import attribute_field, scorer_fingerprint
from app.store.attribute_sets import builtin_attribute_sets
from app.store.builtin_calibrations import builtin_calibrations

SETS = ("helpsteer2", "moral-foundations", "style")


@pytest.fixture(params=SETS)
def builtin(request):
    return builtin_calibrations()[f"{request.param}-smollm2-135m"]


def test_each_covers_all_attributes_of_its_set_as_they_are_defined_now(builtin):
    attributes = builtin_attribute_sets()[builtin.info.name.removesuffix("-smollm2-135m")]
    assert set(builtin.info.fields) == set(map(attribute_field, attributes.attributes))
    assert from_bytes(builtin.content).fields == builtin.info.fields


def test_each_names_whose_labels_it_rests_on_and_is_small(builtin):
    assert "itted on" in builtin.info.notice
    assert len(builtin.content) < 2_000_000
    own = builtin.info.bank.name in ("moral-foundations", "style")
    assert ("one author" in builtin.info.notice) is own


def test_what_is_used_has_a_lower_error_than_surface_features_or_is_them(builtin):
    for report in builtin.info.reports:
        lower = report.error < report.error_features
        assert lower or report.layer == "features", report.attribute


def test_each_applies_to_states_in_16_and_in_32_bits_and_to_no_others(builtin):
    scorer = builtin.info.scorer

    def applies(dtype, **other):
        model = replace(scorer.model, settings=f"dtype={dtype}", **other)
        return builtin.info.applies_to(scorer_fingerprint(replace(scorer, model=model)))

    assert applies("bfloat16")
    assert applies("float32")
    assert not applies("float16")
    assert not applies("float32", revision="other weights")
