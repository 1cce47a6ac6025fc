# Two images from one file: `docker build .` serves on the CPU, `docker build --target cuda .` on NVIDIA GPUs.

FROM python:3.11.15-slim-bookworm AS build
WORKDIR /src
RUN python -m venv --without-pip /venv
ENV PIP="python -m pip --python /venv/bin/python --disable-pip-version-check install --no-cache-dir"
# What the libraries bring for their own developers, and ONNX Runtime once more for programs in C.
ENV TRIM="find /venv/lib ( -name tests -o -path */onnxruntime/transformers -o -name libonnxruntime.so* ) -prune -exec rm -r {} +"
COPY pyproject.toml README.md LICENSE ./
COPY package package
COPY models models
COPY app app

FROM build AS build-cpu
COPY requirements/serve.lock ./
RUN $PIP --require-hashes -r serve.lock && $PIP --no-deps --no-build-isolation . && $TRIM

FROM build AS build-cuda
COPY requirements/gpu.lock ./
RUN $PIP --require-hashes -r gpu.lock && $PIP --no-deps --no-build-isolation . && $TRIM

# Nothing here writes to disk but several workers' metrics, to /tmp: run it --read-only with --tmpfs /tmp.
FROM python:3.11.15-slim-bookworm AS base
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin digitserve
COPY models /models
ENV PATH=/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    DIGITSERVE_HOST=0.0.0.0 \
    DIGITSERVE_MODELS=/models \
    DIGITSERVE_LOG_FORMAT=json
WORKDIR /
USER 10001
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s \
    CMD ["sh", "-c", "python -c \"import urllib.request as u; u.urlopen('http://127.0.0.1:${DIGITSERVE_PORT:-8000}/health/ready', timeout=4)\""]
CMD ["digitserve", "serve"]

FROM base AS cuda
COPY --from=build-cuda /venv /venv
ENV DIGITSERVE_DEVICE=cuda

FROM base AS cpu
COPY --from=build-cpu /venv /venv
