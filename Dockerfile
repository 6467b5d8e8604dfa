# fairmot on processors, with ONNX Runtime: docker build --tag fairmot .
FROM python:3.11-slim

WORKDIR /source
COPY pyproject.toml README.md LICENSE ./
COPY fairmot ./fairmot
COPY configs ./configs
RUN pip install --no-cache-dir . && rm -rf /source

# The caller mounts a folder here; with --user the files belong to the caller.
RUN useradd --create-home fairmot && mkdir /work && chown fairmot /work
USER fairmot
WORKDIR /work
ENTRYPOINT ["fairmot"]
CMD ["--help"]
