"""Streams of several surfaces, read whole and byte by byte."""

import json
from pathlib import Path
from typing import Any

import pytest

from proxy.wire.chat import ChatReader
from proxy.wire.chunk import Chunk
from proxy.wire.completions import CompletionReader
from proxy.wire.sse import Decoder, Event

GOLDEN = Path(__file__).parents[1] / "golden" / "streams"
NAMES = sorted(path.stem for path in GOLDEN.glob("*.sse"))


def events(name: str, size: int | None = None) -> list[Event]:
    raw = (GOLDEN / f"{name}.sse").read_bytes()
    decoder = Decoder()
    size = size or len(raw)
    found = [event for at in range(0, len(raw), size) for event in decoder.feed(raw[at : at + size])]
    assert decoder.close() is None
    assert b"".join(event.raw for event in found) == raw
    return found


def opened(name: str) -> ChatReader | CompletionReader:
    return CompletionReader() if name.startswith("completions") else ChatReader()


def chunks(name: str, size: int | None = None) -> list[Chunk]:
    reader = opened(name)
    return [reader.chunk(event.data) for event in events(name, size) if event.data is not None and not event.is_done]


def gathered(read: list[Chunk]) -> dict[str, Any]:
    texts: dict[str, dict[str, str]] = {}
    finished: dict[str, str] = {}
    for chunk in read:
        for part in chunk.parts:
            channels = texts.setdefault(str(part.choice), {})
            channels[part.channel] = channels.get(part.channel, "") + part.text
        finished |= {str(choice): chunk.choice(choice)["finish_reason"] for choice in chunk.finished}
    return {
        "texts": texts,
        "finished": finished,
        "unlisted": sum(chunk.unlisted for chunk in read),
        "usage": any(chunk.has_usage for chunk in read),
    }


def test_there_are_streams() -> None:
    assert len(NAMES) >= 8


@pytest.mark.parametrize("size", [None, 1, 7])
@pytest.mark.parametrize("name", NAMES)
def test_a_stream_is_read_as_noted(name: str, size: int | None) -> None:
    assert gathered(chunks(name, size)) == json.loads((GOLDEN / f"{name}.json").read_text())


@pytest.mark.parametrize("name", NAMES)
def test_an_ordinary_chunk_is_read_alike_in_both_ways(name: str) -> None:
    quick, full = opened(name), opened(name)
    for event in events(name):
        if event.data is None or event.is_done:
            continue
        token, chunk = quick.token(event.data), full.chunk(event.data)
        if token is not None:
            read = [(token.choice, token.channel, token.text)] if token.text else []
            assert [(part.choice, part.channel, part.text) for part in chunk.parts] == read
            assert (chunk.unlisted, chunk.finished, chunk.logprobs(token.choice)) == (0, (), [])


@pytest.mark.parametrize(("name", "quick"), [("openai", 7), ("completions-openai", 4)])
def test_most_of_an_ordinary_stream_takes_the_quick_way(name: str, quick: int) -> None:
    reader = opened(name)
    data = [event.data for event in events(name) if event.data is not None]
    assert sum(reader.token(one) is not None for one in data) == quick


@pytest.mark.parametrize("name", NAMES)
def test_nothing_unlisted_is_left_after_dropping(name: str) -> None:
    for chunk in chunks(name):
        texts = [(part.channel, part.text) for part in chunk.parts]
        chunk.drop_unlisted()
        again = opened(name).chunk(chunk.encode())
        assert again.unlisted == 0
        assert sorted(part.text for part in again.parts) == sorted(text for _, text in texts)
        assert chunk.unlisted == 0
