# The API: no PyTorch, no vLLM, no FAISS.
FROM python:3.12-slim
WORKDIR /azimuth
COPY locks/api.txt locks/api.txt
RUN pip install --no-cache-dir --no-deps --requirement locks/api.txt
COPY app app
RUN useradd --system azimuth
USER azimuth
# Nothing outside a container reaches its loopback address. docker-compose.yml decides what is
# published.
ENV AZIMUTH_HOST=0.0.0.0 PYTHONUNBUFFERED=1
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/healthz')"]
CMD ["python", "-m", "app.main"]
