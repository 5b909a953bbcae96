"""Weights as 8-bit integers, faster on CPUs: `python -m scripts.models.quantize FOLDER OUT`.

`W8A8` in the format of compressed-tensors, which vLLM reads: a scale for each row of every linear
layer, activations quantized token by token while the model runs (Dettmers et al. 2022, without
their outlier columns). Embeddings and norms stay as they are.
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path
from typing import Any

_LINEAR = "_proj.weight"
_HIGHEST = 127


def quantize(folder: Path, out: Path) -> int:
    """Write the quantized model into a new folder; how many layers were quantized.

    Raises `ValueError` for a folder without linear layers to quantize, or quantized already.
    """
    from safetensors.torch import load_file, save_file

    config: dict[str, Any] = json.loads((folder / "config.json").read_text("utf-8"))
    if "quantization_config" in config:
        raise ValueError(f"{folder} holds a model that is quantized already")
    tensors: dict[str, Any] = {}
    for path in sorted(folder.glob("*.safetensors")):
        tensors |= load_file(path)
    quantized: dict[str, Any] = {}
    count = 0
    for name, tensor in tensors.items():
        if name.endswith(_LINEAR):
            quantized[name], quantized[name.removesuffix("weight") + "weight_scale"] = rows_as_int8(
                tensor
            )
            count += 1
        else:
            quantized[name] = tensor
    if not count:
        raise ValueError(f"{folder} has no layers whose names end with {_LINEAR}")
    partial = out.with_name(out.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    for path in folder.iterdir():
        if path.is_file() and not path.name.endswith((".safetensors", ".safetensors.index.json")):
            shutil.copy(path, partial / path.name)
    save_file(quantized, partial / "model.safetensors", metadata={"format": "pt"})
    config["quantization_config"] = _scheme()
    (partial / "config.json").write_text(json.dumps(config, indent=2) + "\n", "utf-8")
    shutil.rmtree(out, ignore_errors=True)
    partial.rename(out)
    return count


def rows_as_int8(weight: Any) -> tuple[Any, Any]:
    """A (rows, columns) matrix as integers in [-127, 127] and a scale for each row (rows, 1)."""
    import torch

    values = weight.float()
    scale = values.abs().amax(dim=1, keepdim=True).clamp(min=torch.finfo(torch.float32).tiny)
    scale = (scale / _HIGHEST).to(weight.dtype)
    levels = (values / scale.float()).round().clamp(-_HIGHEST, _HIGHEST)
    return levels.to(torch.int8), scale


def _scheme() -> dict[str, Any]:
    common = {"num_bits": 8, "type": "int", "symmetric": True}
    return {
        "quant_method": "compressed-tensors",
        "format": "int-quantized",
        "quantization_status": "compressed",
        "ignore": ["lm_head"],
        "config_groups": {
            "group_0": {
                "targets": ["Linear"],
                "weights": {**common, "strategy": "channel", "dynamic": False},
                "input_activations": {**common, "strategy": "token", "dynamic": True},
            }
        },
    }


def main() -> None:
    """Quantize the model that the command line names."""
    parser = argparse.ArgumentParser(prog="python -m scripts.models.quantize", description=__doc__)
    parser.add_argument("folder", metavar="FOLDER", type=Path, help="the model to quantize")
    parser.add_argument("out", metavar="OUT", type=Path, help="new folder for the quantized model")
    arguments = parser.parse_args()
    layers = quantize(arguments.folder, arguments.out)
    print(f"{arguments.out}: {layers} layers as 8-bit integers")


if __name__ == "__main__":
    main()
