# The worker. BUILD is cuda (default; the driver comes from the NVIDIA container runtime) or cpu.
FROM python:3.12-slim
ARG BUILD=cuda
# Triton compiles small launchers with a C compiler; vLLM's CPU build looks for NUMA nodes and is
# faster with tcmalloc.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends gcc libc6-dev libnuma1 libtcmalloc-minimal4 \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /azimuth
COPY locks locks
COPY scripts/setup.sh scripts/setup.sh
RUN PIP_NO_CACHE_DIR=1 bash -c '. scripts/setup.sh && setup_venv "$0"' "$BUILD"
COPY scripts scripts
# The CPU image carries the small model; with a GPU the model comes from the cache volume.
RUN if [ "$BUILD" = cpu ]; then bash -c '. scripts/setup.sh && setup_small_model'; fi
COPY app app
COPY workers workers
RUN useradd --system --create-home azimuth \
    && mkdir -p /home/azimuth/.cache/huggingface /home/azimuth/indexes && chown -R azimuth /home/azimuth
USER azimuth
# Nothing outside a container reaches its loopback address; AZIMUTH_WORKER_METRICS_PORT must be reached.
ENV AZIMUTH_HOST=0.0.0.0 PYTHONUNBUFFERED=1
# A worker is healthy while its heartbeat in Redis has the state ready or loading.
HEALTHCHECK --interval=15s --timeout=10s --start-period=600s \
    CMD [".venv/bin/python", "-m", "workers.healthcheck"]
CMD [".venv/bin/python", "-m", "workers.main"]
