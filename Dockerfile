# fairmot on processors, with ONNX Runtime: docker build --tag fairmot .
FROM python:3.11-slim

WORKDIR /source
COPY pyproject.toml README.md LICENSE ./
COPY fairmot ./fairmot
COPY configs ./configs
RUN pip install --no-cache-dir . && rm -rf /source

# Whoever calls mounts a folder here; --user makes the files theirs.
RUN useradd --create-home fairmot && mkdir /work && chown fairmot /work
USER fairmot
WORKDIR /work
ENTRYPOINT ["fairmot"]
CMD ["--help"]
