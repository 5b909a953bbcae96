# The API: no PyTorch, no vLLM, no FAISS.
FROM python:3.12-slim
WORKDIR /azimuth
COPY locks/api.txt locks/api.txt
RUN pip install --no-cache-dir --no-deps --requirement locks/api.txt
COPY app app
RUN useradd --system azimuth
USER azimuth
# Inside a container the loopback address would be reached by nobody; what is published to the
# outside is for docker-compose.yml to say.
ENV AZIMUTH_HOST=0.0.0.0 PYTHONUNBUFFERED=1
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/healthz')"]
CMD ["python", "-m", "app.main"]
