"""Prompts given to vLLM's `LLM.generate` in one list: `… engine.listed WORK OUT`."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import msgspec

from app.settings import Settings
from scripts.benchmark.engine.work import Measured, processor_seconds, read_work
from workers.engines.base import Sampling
from workers.engines.vllm import (
    as_input,
    engine_arguments,
    prepare_environment,
    sampling_parameters,
)


def measure(path: Path) -> Measured:
    """Load the model with the worker's settings, answer something, then answer the list."""
    settings = Settings.from_environment().engine
    prepare_environment(settings)
    from vllm import LLM

    work = read_work(path)
    llm = LLM(**engine_arguments(settings))
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
    llm.generate([as_input(range(100, 164))], sampling_parameters(schema, Sampling(16)))
    prompts = [as_input(one.token_ids) for one in work]
    parameters = [sampling_parameters(one.schema, Sampling(one.max_tokens)) for one in work]
    used, started = processor_seconds(os.getpgrp()), time.perf_counter()
    outputs = llm.generate(prompts, parameters, use_tqdm=False)
    return Measured(
        seconds=time.perf_counter() - started,
        cpu_s=processor_seconds(os.getpgrp()) - used,
        prompts=len(work),
        prompt_tokens=sum(len(one.token_ids) for one in work),
        cached_prompt_tokens=sum(one.num_cached_tokens or 0 for one in outputs),
        output_tokens=sum(len(one.outputs[0].token_ids) for one in outputs),
    )


if __name__ == "__main__":  # vLLM starts processes that import this module again
    Path(sys.argv[2]).write_bytes(msgspec.json.encode(measure(Path(sys.argv[1]))))
    time.sleep(3600)  # until the parent has read the memory of this process and its children
