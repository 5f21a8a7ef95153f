# Built with Docker's classic builder as well: no BuildKit-only syntax.
FROM python:3.12-slim AS build
# Where packages come from, if not from the public index: taken from the environment of `docker-compose build`, kept
# in no file and not in the image (this stage is thrown away).
ARG PIP_INDEX_URL
ARG PIP_EXTRA_INDEX_URL
ARG PIP_TRUSTED_HOST
WORKDIR /src
COPY requirements.lock ./
RUN python -m venv /opt/aurora && /opt/aurora/bin/pip install --quiet --no-cache-dir --require-hashes -r requirements.lock
COPY pyproject.toml README.md ./
COPY backend ./backend
RUN /opt/aurora/bin/pip install --quiet --no-cache-dir --no-deps .

FROM python:3.12-slim
RUN groupadd --system --gid 10001 aurora \
 && useradd --system --uid 10001 --gid 10001 --home-dir /app --no-create-home --shell /usr/sbin/nologin aurora \
 && install -d -o 10001 -g 10001 /app /app/var
WORKDIR /app
COPY --from=build /opt/aurora /opt/aurora
# Owned by the user: a clone made under umask 077 would else be unreadable inside.
COPY --chown=10001:10001 migrations ./migrations
COPY --chown=10001:10001 config ./config
ENV PATH=/opt/aurora/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 HOST=0.0.0.0
# By number: Kubernetes' runAsNonRoot cannot judge a name.
USER 10001:10001
EXPOSE 8080
CMD ["aurora", "serve", "--env-file", ""]
