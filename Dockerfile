# The program with everything that it generates from; `docker build -t platform-exporter .`

FROM python:3.11.13-slim-bookworm AS build
WORKDIR /src
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
COPY requirements/build.txt requirements/runtime.txt requirements/
RUN pip install --require-hashes --only-binary :all: --requirement requirements/build.txt \
 && python -m venv /opt/venv \
 && /opt/venv/bin/pip install --require-hashes --only-binary :all: --requirement requirements/runtime.txt
COPY pyproject.toml README.md LICENSE mixin.libsonnet ./
COPY platforms platforms
COPY prometheus prometheus
COPY alertmanager alertmanager
COPY dashboards dashboards
COPY exporter exporter
RUN python -m hatchling build --target wheel \
 && /opt/venv/bin/pip install --no-deps dist/*.whl

FROM python:3.11.13-slim-bookworm
LABEL org.opencontainers.image.title="platform-exporter" \
      org.opencontainers.image.licenses="Apache-2.0"
# A volume that is mounted over one of these folders for the first time takes its owner from it.
RUN useradd --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin exporter \
 && install --directory --owner=exporter --group=exporter \
      /generated/prometheus /generated/alertmanager /generated/dashboards /generated/grafana \
 && install --directory --owner=exporter --group=exporter --mode=0700 /var/lib/platform-exporter
COPY --from=build /opt/venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    PLATFORM_STATE_DIR=/var/lib/platform-exporter
USER 10001:10001
EXPOSE 9780
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s --retries=3 \
  CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:9780/-/healthy', timeout=2)"]
ENTRYPOINT ["platform-exporter"]
CMD ["run", "--platform", "/etc/platform-exporter/platform.yml", "--listen", "0.0.0.0:9780"]
