"""Convert a GGUF file to a folder that vLLM and transformers load.

`python -m scripts.models.prepare GGUF FOLDER`
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from pathlib import Path


def convert(gguf: Path, folder: Path) -> None:
    """Unpack a quantized model to bfloat16 and save it with its tokenizer.

    Written under another name and then renamed, so that a folder never holds half a model.
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
    # The weights are plain now; with this entry loaders would look for a GGUF file.
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    partial = folder.with_name(folder.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    model.save_pretrained(partial)
    tokenizer.save_pretrained(partial)
    shutil.rmtree(folder, ignore_errors=True)
    partial.rename(folder)


def main() -> None:
    """Convert the file that the command line names."""
    parser = argparse.ArgumentParser(prog="python -m scripts.models.prepare", description=__doc__)
    parser.add_argument("gguf", metavar="GGUF", type=Path, help="the file to convert")
    parser.add_argument("folder", metavar="FOLDER", type=Path, help="replaced if it exists")
    arguments = parser.parse_args()
    convert(arguments.gguf, arguments.folder)


if __name__ == "__main__":
    main()
