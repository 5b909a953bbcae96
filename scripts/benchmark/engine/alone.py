"""Prompts answered as the paper did: transformers with Outlines, one after the other.

`python -m scripts.benchmark.engine.alone WORK OUT`. In favour of the paper's way, its schema is
compiled once, and the model's numbers are of the same type as vLLM's.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import msgspec

from app.settings import Settings
from scripts.benchmark.engine.work import Measured, processor_seconds, read_work

REASONING_CHARS = 512
"""The longest reasoning that the paper's schema allows."""
_BACKEND = "outlines_core"  # what Outlines uses for schemas unless told otherwise
_WHITESPACE = r"[ ]?"  # as the paper's code has it: white space without end otherwise


def measure(path: Path) -> Measured:
    """Load the model, compile the schemas, then answer one prompt after the other."""
    import outlines
    import torch
    from outlines.backends import get_json_schema_logits_processor
    from transformers import AutoModelForCausalLM, AutoTokenizer

    settings = Settings.from_environment().engine
    work = read_work(path)
    tokenizer = AutoTokenizer.from_pretrained(settings.model)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model = AutoModelForCausalLM.from_pretrained(settings.model, dtype=settings.dtype)
    model = model.eval().to(device)
    steerable = outlines.from_transformers(model, tokenizer)
    schemas = list(dict.fromkeys(json.dumps(as_the_paper(one.schema)) for one in work))
    started = time.perf_counter()
    processors = {
        schema: get_json_schema_logits_processor(_BACKEND, steerable, schema, _WHITESPACE)
        for schema in schemas
    }
    setup_s = time.perf_counter() - started
    written = 0
    used, started = processor_seconds(os.getpgrp()), time.perf_counter()
    for one in work:
        processor: Any = processors[json.dumps(as_the_paper(one.schema))]
        processor.reset()
        ids = torch.tensor([list(one.token_ids)], device=device)
        with torch.inference_mode():
            output = model.generate(
                ids,
                attention_mask=torch.ones_like(ids),
                max_new_tokens=len(one.schema["properties"]) * (REASONING_CHARS + 40) + 16,
                do_sample=False,
                repetition_penalty=1.0,
                logits_processor=[processor],
                pad_token_id=tokenizer.pad_token_id or tokenizer.eos_token_id,
            )
        written += output.shape[1] - ids.shape[1]
    return Measured(
        seconds=time.perf_counter() - started,
        cpu_s=processor_seconds(os.getpgrp()) - used,
        prompts=len(work),
        prompt_tokens=sum(len(one.token_ids) for one in work),
        cached_prompt_tokens=0,
        output_tokens=int(written),
        setup_s=setup_s,
    )


def as_the_paper(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema with reasonings as long as the paper allows."""
    if "maxLength" in schema:
        return schema | {"maxLength": REASONING_CHARS}
    return {
        name: as_the_paper(value) if isinstance(value, dict) else value
        for name, value in schema.items()
    }


if __name__ == "__main__":
    Path(sys.argv[2]).write_bytes(msgspec.json.encode(measure(Path(sys.argv[1]))))
    time.sleep(3600)  # until the parent has read the memory of this process
