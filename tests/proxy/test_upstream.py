"""The generator behind fairgate, over HTTP: what is shared between requests, and what is not."""

import asyncio

import pytest

from proxy.upstream import HttpUpstream, UpstreamRequest, proxy_for
from tests.support.upstream import Answer, Asked, Upstream

pytestmark = pytest.mark.live


def test_no_cookie_of_one_answer_goes_out_with_the_next_request() -> None:
    seen: list[str | None] = []

    def play(asked: Asked) -> Answer:
        seen.append(asked.headers.get("cookie"))
        return Answer([b"{}"], headers={"set-cookie": "tenant=one; Path=/"}, length=2)

    async def ask(url: str) -> None:
        async with HttpUpstream("up", url) as upstream:
            for _ in range(2):
                reply = await upstream.open(UpstreamRequest("POST", "/v1/chat/completions", {}, b"{}"))
                assert b"".join([block async for block in reply.chunks()]) == b"{}"
                assert "set-cookie" not in reply.headers
                await reply.close()

    with Upstream(play) as playing:
        asyncio.run(ask(playing.url.replace("127.0.0.1", "localhost")))
    assert seen == [None, None]


def test_the_environment_names_a_proxy_for_those_it_does_not_exempt(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    assert proxy_for("http://models.example/v1") is None
    monkeypatch.setenv("HTTP_PROXY", "gate.example:3128")
    monkeypatch.setenv("NO_PROXY", "localhost,.inside.example")
    assert proxy_for("http://models.example/v1") == "http://gate.example:3128"
    assert proxy_for("http://vllm.inside.example:8000/v1") is None
    assert proxy_for("https://models.example/v1") is None
    monkeypatch.setenv("ALL_PROXY", "http://all.example:1")
    assert proxy_for("https://models.example/v1") == "http://all.example:1"
