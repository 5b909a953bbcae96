"""Models that are cut off after a layer."""

from __future__ import annotations

import pytest

from scripts.models.cut import cut
from tests.model.tiny_judges import make_decoder

pytestmark = pytest.mark.model


def test_the_last_layer_of_what_is_kept_is_that_layer_of_the_model(small_model, tmp_path):
    import torch
    from transformers import AutoModel, AutoTokenizer

    whole, kept = make_decoder(tmp_path / "whole", small_model), tmp_path / "kept"
    cut(str(whole), 1, kept)
    ids = torch.tensor([AutoTokenizer.from_pretrained(kept)("Is it day?").input_ids])
    model, less = AutoModel.from_pretrained(whole), AutoModel.from_pretrained(kept)
    assert len(less.layers) == 1
    with torch.inference_mode():
        states = model(ids, output_hidden_states=True).hidden_states[1]
        assert torch.allclose(less(ids).last_hidden_state, model.norm(states))


def test_a_layer_that_the_model_lacks_is_refused(small_model, tmp_path):
    whole = make_decoder(tmp_path / "whole", small_model)
    with pytest.raises(ValueError, match="has 2 layers: 3 is none of them"):
        cut(str(whole), 3, tmp_path / "kept")
