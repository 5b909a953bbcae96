"""Cut a model off after one of its layers, for endpoints whose last layer's states are read.

`python -m scripts.models.cut MODEL LAYERS FOLDER`
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any


def cut(model: str, layers: int, folder: Path) -> None:
    """Save the first layers of a model with its tokenizer. Raises `ValueError` for no layer."""
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

    config: Any = AutoConfig.from_pretrained(model)
    text = config.get_text_config()
    if not 1 <= layers <= text.num_hidden_layers:
        raise ValueError(f"{model} has {text.num_hidden_layers} layers: {layers} is none of them")
    text.num_hidden_layers = layers
    if getattr(text, "layer_types", None):
        text.layer_types = text.layer_types[:layers]
    loaded = AutoModelForCausalLM.from_pretrained(model, config=config, dtype="auto")
    loaded.save_pretrained(folder)
    AutoTokenizer.from_pretrained(model).save_pretrained(folder)


def main() -> None:
    """Cut the model that the command line names."""
    parser = argparse.ArgumentParser(prog="python -m scripts.models.cut", description=__doc__)
    parser.add_argument("model", metavar="MODEL", help="folder or Hugging Face name")
    parser.add_argument("layers", metavar="LAYERS", type=int, help="how many layers to keep")
    parser.add_argument("folder", metavar="FOLDER", type=Path, help="where to save it")
    arguments = parser.parse_args()
    try:
        cut(arguments.model, arguments.layers, arguments.folder)
    except (OSError, ValueError) as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
