"""The canary: a small regular check, the only one that notices a model that hangs."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass

from app.settings import WorkerSettings
from workers.errors import EngineDead, EngineError
from workers.judges.base import Checked

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Canary:
    """Checks a model at regular intervals."""

    model: Checked
    settings: WorkerSettings
    remote: bool = False
    """Whether the model runs elsewhere, so that restarting this worker would not help."""

    async def watch(self) -> str:
        """Run until the model needs a restart, and return why."""
        while True:
            await asyncio.sleep(self.settings.canary_s)
            progress = self.model.progress
            try:
                await asyncio.wait_for(self.model.check(), self.settings.canary_timeout_s)
            except TimeoutError:
                # A busy model answers the check late; one that hangs does nothing at all.
                if self.model.progress > progress:
                    continue
                if not self.remote:
                    return "the model no longer answers"
                _log.warning("canary: the endpoint does not answer")
            except EngineDead as error:
                return str(error)
            except EngineError as error:
                _log.warning("canary: %s", error)
