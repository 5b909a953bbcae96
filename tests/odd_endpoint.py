"""A chat endpoint for tests; subclasses misbehave in one way each."""

import json

import httpx
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response

from app.settings import EngineSettings
from tests.unit.workers.scripted import scored
from workers.engines.base import EngineInfo
from workers.engines.openai import OpenAIEngine


def refusal(status, message, **more):
    return JSONResponse({"error": {"message": message, **more}}, status)


def filled(schema):
    """An answer of a schema; every score is 85."""
    kind = schema["type"]
    if kind == "object":
        return {name: filled(one) for name, one in schema["properties"].items()}
    return 85 if kind == "integer" else "It says so."


class Endpoint:
    """A well-behaved chat endpoint; subclasses misbehave in one way."""

    def __init__(self):
        self.bodies: list[dict] = []
        self.info: EngineInfo | None = None
        """What the engine reported when it had started."""
        self.working = False
        """Whether the worker has started."""

    def app(self) -> FastAPI:
        app = FastAPI()

        @app.get("/v1/models")
        async def models():
            return {"data": [{"id": "m", "max_model_len": 8192}]}

        @app.post("/v1/chat/completions")
        async def chat(request: Request):
            body = await request.json()
            self.bodies.append(body)
            answer = self.refuses(body)
            if answer is None:
                answer = self.reads(body) if "logprobs" in body else self.writes(body)
            return answer if isinstance(answer, Response) else JSONResponse(answer)

        return app

    def refuses(self, body):
        return None

    def writes(self, body):
        schema = body.get("response_format", {}).get("json_schema", {}).get("schema")
        if schema is None and "Schema" in body["messages"][0]["content"]:
            words = body["messages"][0]["content"]
            schema = json.loads(words[words.rindex("nothing else: ") + 14 :])
        text = "Yes" if schema is None else json.dumps(filled(schema))
        choices = [self.choice(text) for _ in range(body.get("n", 1))]
        return {"choices": choices, "usage": {"prompt_tokens": 9, "completion_tokens": 9}}

    def choice(self, text):
        return {"message": {"role": "assistant", "content": text}, "finish_reason": "stop"}

    def reads(self, body):
        top = [{"token": self.spelled(d), "logprob": self.logprob(d)} for d in range(5)]
        told = {"content": [{"token": "0", "logprob": -0.5, "top_logprobs": top}]}
        return {"choices": [{"message": {"content": "0"}, "logprobs": told}], "usage": {}}

    def spelled(self, digit):
        return str(digit)

    def logprob(self, digit):
        return -1.0 - digit


async def started(endpoint: Endpoint) -> OpenAIEngine:
    """An engine that has started with an endpoint; what it sent meanwhile is forgotten."""
    settings = EngineSettings(openai_url="http://x/v1", openai_prompt="chat", model="m")
    engine = OpenAIEngine(settings, transport=httpx.ASGITransport(endpoint.app()))
    endpoint.info = await engine.start()
    await engine.check()
    endpoint.working = True
    endpoint.bodies.clear()
    return engine


async def cell_of(endpoint: Endpoint, **settings):
    """The cell that becomes of an endpoint's answers."""
    engine = await started(endpoint)
    return (await scored(engine, bank=False, examples=0, **settings))["depth"]
