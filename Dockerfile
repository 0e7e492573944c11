# One image for all parts; the command selects one:
#
#   docker run IMAGE serve ingest --host 0.0.0.0
#   docker run IMAGE serve inbox --host 0.0.0.0
#   docker run IMAGE worker
#
# Runs as an unprivileged user. The root file system may be read-only.

# Chosen on 2026-11-22; script/audit fails if that is long ago.
ARG PYTHON=python:3.13.11-slim-bookworm@sha256:20080e807bfc404f8450b185cf0fc95d553462673598549613735f70a5b4d5d0

FROM ${PYTHON} AS build
WORKDIR /build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
COPY requirements/build.txt requirements/runtime.txt requirements/
# The locked versions, checked by hash, in a layer that changes only when the lock does.
RUN python -m venv /opt/triggers \
 && /opt/triggers/bin/pip install --no-deps --require-hashes --only-binary :all: -r requirements/build.txt \
 && /opt/triggers/bin/pip install --no-deps --require-hashes --only-binary :all: -r requirements/runtime.txt
COPY pyproject.toml README.md ./
COPY cli cli
COPY clients/python clients/python
COPY console console
COPY ingest ingest
COPY shared shared
COPY worker worker
COPY cdk/prune.py prune.py
# Leave out what only the installation needs and what is never loaded. Bytecode is not checked against its source:
# the file system is read-only for the user.
RUN /opt/triggers/bin/pip install --no-deps --no-build-isolation . ./clients/python \
 && /opt/triggers/bin/pip uninstall --yes setuptools pip \
 && python prune.py /opt/triggers/lib/python3.13/site-packages \
 && /opt/triggers/bin/python -m compileall -q -f --invalidation-mode unchecked-hash /opt/triggers/lib

FROM ${PYTHON}
COPY --from=build /opt/triggers /opt/triggers
ENV PATH=/opt/triggers/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
USER 10001:10001
WORKDIR /tmp
EXPOSE 8000
STOPSIGNAL SIGTERM
# For the HTTP parts. A worker has no port: use `triggers ready` without a URL.
HEALTHCHECK --interval=15s --timeout=5s --start-period=20s --retries=3 \
    CMD ["triggers", "ready", "http://127.0.0.1:8000"]
ENTRYPOINT ["triggers"]
CMD ["serve", "all", "--host", "0.0.0.0"]
