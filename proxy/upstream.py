"""The generator behind fairgate, over HTTP. Foreign errors are mapped here and only here."""

import ssl
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Protocol, Self

import httpx
from httpx_aiohttp import HttpxAiohttpClient

from indexes.errors import FairgateError

# Headers of a request that concern this hop alone, or that fairgate sets itself.
_NOT_FORWARDED = frozenset(
    {
        "accept-encoding", "connection", "content-length", "cookie", "expect", "host", "keep-alive",
        "proxy-authorization", "te", "trailer", "transfer-encoding", "upgrade", "x-fairgate-policy",
        "x-fairgate-purpose",
    }
)  # fmt: skip
# Headers of an answer that concern this hop alone, or that no longer fit a body that was guarded.
_NOT_RETURNED = frozenset(
    {
        "connection", "content-encoding", "content-length", "date", "keep-alive", "proxy-authenticate", "server",
        "set-cookie", "trailer", "transfer-encoding", "upgrade",
    }
)  # fmt: skip


class UpstreamError(FairgateError):
    """The generator could not be asked, or broke off.

    `status` is what a client sees when nothing was sent yet. `detail` is for the operator alone: it may name addresses.
    """

    status = 502

    def __init__(self, message: str, detail: str = "") -> None:
        super().__init__(message)
        self.detail = detail


class UpstreamTimeoutError(UpstreamError):
    """The generator did not answer, or stopped answering, within its time limit."""

    status = 504


@dataclass(frozen=True, slots=True)
class UpstreamRequest:
    """One call of the generator: method, path as OpenAI spells it (`/v1/...`), headers and the body's bytes."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes = b""
    query: str = ""


class Reply(Protocol):
    """An answer that has begun: status and headers are here, the body is still to come."""

    @property
    def status(self) -> int:
        """The HTTP status code."""

    @property
    def headers(self) -> Mapping[str, str]:
        """Headers by lower-case name, those of this hop left out."""

    def chunks(self) -> AsyncGenerator[bytes, None]:
        """The decoded body as it arrives; raises UpstreamError when it breaks off."""

    async def close(self) -> None:
        """Stop reading; the generator sees its client leave. May be called at any time, more than once."""


class Upstream(Protocol):
    """A generator."""

    async def open(self, request: UpstreamRequest) -> Reply:
        """Send a request and wait for the head of its answer; raises UpstreamError."""

    async def close(self) -> None:
        """Close all connections."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Connections and seconds. `read` bounds the wait for the next bytes of an answer, not the whole answer."""

    connections: int = 4096
    keepalive: int = 512
    connect: float = 10.0
    read: float = 120.0


class HttpReply:
    """A Reply over httpx."""

    def __init__(self, response: httpx.Response, name: str) -> None:
        self._response = response
        self._name = name
        self.status = response.status_code
        self.headers: Mapping[str, str] = {
            key.lower(): value for key, value in response.headers.items() if key.lower() not in _NOT_RETURNED
        }

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """The decoded body as it arrives; raises UpstreamError when it breaks off."""
        response = self._response
        assert isinstance(response.stream, httpx.AsyncByteStream)  # noqa: S101 (of an asynchronous client it is)
        # Undecoded, the bytes are taken from the transport: `aiter_raw` would hand the same on, at a price.
        source = response.aiter_bytes() if "content-encoding" in response.headers else response.stream
        try:
            async for block in source:
                yield block
        except httpx.HTTPError as error:
            if _timed_out(error):
                raise UpstreamTimeoutError(f"upstream `{self._name}` stopped sending and its time ran out") from error
            raise UpstreamError(f"upstream `{self._name}` broke off in mid-answer", _words(error)) from error

    async def close(self) -> None:
        """Stop reading; the generator sees its client leave."""
        await self._response.aclose()


@dataclass(slots=True)
class HttpUpstream:
    """An OpenAI-compatible server at `url`, the base that ends in `/v1`. `key` replaces the client's own, if set."""

    name: str
    url: str
    key: str | None = field(default=None, repr=False)
    limits: Limits = field(default_factory=Limits)
    verify: bool | str = True
    _client: httpx.AsyncClient | None = None

    async def open(self, request: UpstreamRequest) -> HttpReply:
        """Send a request and wait for the head of its answer; raises UpstreamError."""
        client = self._connected()
        base = self.url.rstrip("/").removesuffix("/v1")
        url = base + request.path + (f"?{request.query}" if request.query else "")
        outgoing = client.build_request(request.method, url, headers=self._headers(request), content=request.body)
        try:
            return HttpReply(await client.send(outgoing, stream=True), self.name)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            if _timed_out(error):
                raise UpstreamTimeoutError(f"upstream `{self.name}` did not answer in time") from error
            raise UpstreamError(f"upstream `{self.name}` could not be reached", _words(error)) from error

    async def close(self) -> None:
        """Close all connections."""
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def _connected(self) -> httpx.AsyncClient:
        if self._client is None:
            # Explicit numbers: without them the transport falls back to 100 connections and further streams queue.
            self._client = HttpxAiohttpClient(
                limits=httpx.Limits(
                    max_connections=self.limits.connections, max_keepalive_connections=self.limits.keepalive
                ),
                timeout=httpx.Timeout(self.limits.read, connect=self.limits.connect),
                verify=ssl.create_default_context(cafile=self.verify) if isinstance(self.verify, str) else self.verify,
                follow_redirects=False,
            )
        return self._client

    def _headers(self, request: UpstreamRequest) -> dict[str, str]:
        headers = {key: value for key, value in request.headers.items() if key.lower() not in _NOT_FORWARDED}
        headers["accept-encoding"] = "identity"
        if self.key is not None:
            headers.pop("authorization", None)
            headers["authorization"] = f"Bearer {self.key}"
        return headers


def _timed_out(error: Exception) -> bool:
    """Whether a wait ran out. httpx-aiohttp calls refused connections and unknown hosts ConnectTimeout, too."""
    cause = error.__cause__
    return isinstance(error, httpx.TimeoutException) and (cause is None or isinstance(cause, TimeoutError))


def _words(error: Exception) -> str:
    return (str(error).splitlines() or [""])[0][:200] or type(error).__name__
