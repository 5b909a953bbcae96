"""Convert a GGUF file to a folder that vLLM and transformers load: `prepare_model GGUF FOLDER`."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path


def convert(gguf: Path, folder: Path) -> None:
    """Unpack a quantized model to bfloat16 and save it with its tokenizer.

    Written beside the folder and then renamed: a half-written model is never taken for a whole one.
    """
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig
    from transformers.utils import logging

    if not sys.stderr.isatty():
        logging.disable_progress_bar()

    place = str(gguf.parent)
    tokenizer = AutoTokenizer.from_pretrained(place, gguf_file=gguf.name)
    model = AutoModelForCausalLM.from_pretrained(
        place,
        gguf_file=gguf.name,
        dtype=torch.bfloat16,
        quantization_config=GgufConfig(gguf_file=gguf.name, dequantize=True),
    )
    # The weights are plain now; what says otherwise would make loaders look for a GGUF file.
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    partial = folder.with_name(folder.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    model.save_pretrained(partial)
    tokenizer.save_pretrained(partial)
    shutil.rmtree(folder, ignore_errors=True)
    partial.rename(folder)


if __name__ == "__main__":
    convert(Path(sys.argv[1]), Path(sys.argv[2]))
