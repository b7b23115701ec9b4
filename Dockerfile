# Watchword as a container image. Written and linted where no container engine runs: never built here.
#
#     docker build --tag watchword:local .
#
# Everything comes from locks/ with its hashes; nothing else is fetched. To pin the base image for good, give its digest:
#     docker build --build-arg BASE=python:3.11.15-slim@sha256:... --tag watchword:local .

# The series that every test runs on.
ARG BASE=python:3.11.15-slim

FROM ${BASE} AS build
# Which lock to install. A variant with more (voice) is a lock of its own, not other commands.
ARG EXTRAS=core
WORKDIR /src
# The packages first: they change seldom, and this layer is kept when only our own code has changed.
COPY locks/ locks/
RUN python -m venv --without-pip /opt/watchword \
    && python -m pip --python /opt/watchword/bin/python install \
       --no-cache-dir --disable-pip-version-check --require-hashes --only-binary=:all: --requirement "locks/${EXTRAS}.txt"
COPY pyproject.toml hatch_build.py README.md LICENSE NOTICE ./
COPY bot/ bot/
COPY channels/ channels/
COPY dialogs/ dialogs/
COPY identity/ identity/
COPY manifests/ manifests/
COPY psa/ psa/
COPY simulator/ simulator/
COPY storage/ storage/
COPY voice/ voice/
COPY watchword/ watchword/
COPY web/ web/
# The builder is in the lock too, so this step fetches nothing.
RUN python -m pip --python /opt/watchword/bin/python install \
    --no-cache-dir --disable-pip-version-check --no-index --no-deps --no-build-isolation .

FROM ${BASE}
# A volume that is mounted here for the first time takes over owner and rights.
RUN install -d -o 10001 -g 10001 -m 0700 /var/lib/watchword/checkpoints /var/lib/watchword/backups
COPY --from=build /opt/watchword /opt/watchword
COPY deploy/nightly.py /opt/watchword/nightly.py
# The root file system may be read-only: only /tmp (a tmpfs) and what is mounted below /var/lib/watchword is written.
ENV PATH=/opt/watchword/bin:$PATH \
    HOME=/tmp \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
USER 10001:10001
WORKDIR /tmp
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=5s --timeout=4s --start-period=60s --retries=3 \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8080/readyz', timeout=3)"]
ENTRYPOINT ["watchword"]
CMD ["serve", "--host", "0.0.0.0", "--behind-tls-proxy"]
