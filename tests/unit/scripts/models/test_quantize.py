"""Weights as 8-bit integers: close to what they were, and nothing else changed."""

import json

import pytest

torch = pytest.importorskip("torch")

from safetensors.torch import load_file, save_file  # noqa: E402

from scripts.models.quantize import quantize, rows_as_int8  # noqa: E402


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "model"
    made.mkdir()
    torch.manual_seed(0)
    tensors = {
        "model.layers.0.mlp.up_proj.weight": torch.randn(8, 16),
        "model.layers.0.mlp.up_proj.bias": torch.randn(8),
        "model.embed_tokens.weight": torch.randn(10, 16),
    }
    save_file(tensors, made / "model.safetensors")
    (made / "config.json").write_text('{"model_type": "qwen2"}')
    (made / "tokenizer.json").write_text("{}")
    return made


def test_each_row_has_its_own_scale():
    weight = torch.tensor([[1.0, -0.5], [100.0, 25.0], [0.0, 0.0]])
    levels, scale = rows_as_int8(weight)
    assert levels.dtype == torch.int8
    assert levels[0].tolist() == [127, -64]
    assert torch.allclose(levels * scale, weight, atol=0.4)


def test_linear_layers_become_integers_and_other_layers_stay(folder, tmp_path):
    out = tmp_path / "int8"
    assert quantize(folder, out) == 1
    before, after = (load_file(f / "model.safetensors") for f in (folder, out))
    name = "model.layers.0.mlp.up_proj.weight"
    scale = after.pop(f"{name}_scale")
    restored = after[name].float() * scale
    assert torch.allclose(restored, before[name], atol=float(scale.max()) / 2 + 1e-6)
    assert all(torch.equal(after[n], before[n]) for n in before if n != name)
    config = json.loads((out / "config.json").read_text())
    assert config["model_type"] == "qwen2"
    assert config["quantization_config"]["quant_method"] == "compressed-tensors"
    assert (out / "tokenizer.json").exists()


def test_models_that_cannot_be_quantized_are_refused(folder, tmp_path):
    quantize(folder, tmp_path / "once")
    with pytest.raises(ValueError, match="quantized already"):
        quantize(tmp_path / "once", tmp_path / "twice")
    save_file({"embed": torch.randn(2, 2)}, folder / "model.safetensors")
    with pytest.raises(ValueError, match="no layers"):
        quantize(folder, tmp_path / "none")
