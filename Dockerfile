# Built with Docker's classic builder as well: no BuildKit-only syntax.
FROM python:3.12-slim AS build
WORKDIR /src
COPY requirements.lock ./
RUN python -m venv /opt/aurora && /opt/aurora/bin/pip install --quiet --require-hashes -r requirements.lock
COPY pyproject.toml README.md ./
COPY backend ./backend
RUN /opt/aurora/bin/pip install --quiet --no-deps .

FROM python:3.12-slim
RUN useradd --system --uid 10001 --home-dir /app aurora
WORKDIR /app
COPY --from=build /opt/aurora /opt/aurora
COPY migrations ./migrations
COPY config ./config
ENV PATH=/opt/aurora/bin:$PATH PYTHONUNBUFFERED=1 HOST=0.0.0.0
USER aurora
EXPOSE 8080
CMD ["aurora", "serve", "--env-file", ""]
