# The source tree in, one image for the worker and the simulator out; the embedded servers' packages are never in it.
# Behind a package mirror: docker build --secret id=pip_conf,src=pip.conf .
FROM python:3.11-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_NO_INPUT=1 PYTHONDONTWRITEBYTECODE=1
RUN python -m venv /opt/media-analysis
ENV PATH=/opt/media-analysis/bin:$PATH
WORKDIR /src

# Wheels only and every hash checked, so nothing that is not in the lock runs here.
COPY requirements-image.lock ./
RUN --mount=type=secret,id=pip_conf,target=/etc/pip.conf \
    pip install --require-hashes --no-deps --only-binary :all: -r requirements-image.lock

# The build backend comes from the lock as well; afterwards it goes, with pip.
COPY pyproject.toml README.md ./
COPY contracts/ contracts/
COPY services/ services/
RUN pip wheel --no-deps --no-build-isolation --wheel-dir /wheels ./contracts . \
    && pip install --no-deps --no-index /wheels/*.whl \
    && pip uninstall --yes editables hatchling pathspec pluggy setuptools tomlkit trove-classifiers pip

FROM python:3.11-slim-bookworm
LABEL org.opencontainers.image.title="media-analysis" \
      org.opencontainers.image.description="Workers that turn media-analysis-requested events into priced, traced, structured completions."
RUN groupadd --gid 10001 media-analysis \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin media-analysis
COPY --from=build /opt/media-analysis /opt/media-analysis
# /tmp is the one place that may be written: the root file system is read-only in the cluster.
ENV PATH=/opt/media-analysis/bin:$PATH HOME=/tmp PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /tmp
# As a number, or Kubernetes cannot tell that it is not root.
USER 10001:10001
# WORKER_HTTP_PORT: /livez, /readyz, /metrics. The probes are the chart's; a HEALTHCHECK would be wrong for the simulator.
EXPOSE 8080
ENTRYPOINT ["media-analysis"]
CMD ["worker"]
