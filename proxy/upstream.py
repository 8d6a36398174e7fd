"""The generator behind fairgate, over HTTP. Foreign errors are mapped here and only here."""

import ssl
import urllib.request
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Protocol, Self
from urllib.parse import urlsplit

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport

from indexes.errors import FairgateError
from proxy.wire import sse

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


_KNOWN_PATHS = 64
"""Of how many paths the parsed URL is kept."""


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
    """Connections and seconds.

    `read` bounds the wait for the next bytes of an answer, not the whole answer; `keepalive` how long a connection that
    is not used stays open.
    """

    connections: int = 4096
    keepalive: float = 5.0
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
        assert isinstance(response.stream, httpx.AsyncByteStream)  # noqa: S101 (of an asynchronous transport it is)
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
    """An OpenAI-compatible server at `url`, the base that ends in `/v1`. `key` replaces the client's own, if set.

    httpx's transport is asked without its client: a client keeps cookies, which would carry what upstream set for one
    tenant to the next, and follows up on redirects and authentication, which are not ours to follow.
    """

    name: str
    url: str
    key: str | None = field(default=None, repr=False)
    limits: Limits = field(default_factory=Limits)
    verify: bool | str = True
    _transport: AiohttpTransport | None = None
    _urls: dict[str, httpx.URL] = field(default_factory=dict)

    async def open(self, request: UpstreamRequest) -> HttpReply:
        """Send a request and wait for the head of its answer; raises UpstreamError."""
        try:
            outgoing = httpx.Request(
                request.method,
                self._url(request),
                headers=self._headers(request),
                content=request.body,
                extensions={"timeout": {"connect": self.limits.connect, "read": self.limits.read}},
            )
            return HttpReply(await self._connected().handle_async_request(outgoing), self.name)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            if _timed_out(error):
                raise UpstreamTimeoutError(f"upstream `{self.name}` did not answer in time") from error
            raise UpstreamError(f"upstream `{self.name}` could not be reached", _words(error)) from error

    async def close(self) -> None:
        """Close all connections."""
        if self._transport is not None:
            await self._transport.aclose()
            self._transport = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def _url(self, request: UpstreamRequest) -> httpx.URL:
        base = self.url.rstrip("/").removesuffix("/v1")
        if request.query:
            return httpx.URL(f"{base}{request.path}?{request.query}")
        if (known := self._urls.get(request.path)) is None:
            known = httpx.URL(base + request.path)
            if len(self._urls) < _KNOWN_PATHS:
                self._urls[request.path] = known
        return known

    def _connected(self) -> AiohttpTransport:
        if self._transport is None:
            proxy = proxy_for(self.url)
            self._transport = AiohttpTransport(
                client=self._session, trust_env=False, proxy=httpx.Proxy(proxy) if proxy else None
            )
        return self._transport

    def _session(self) -> aiohttp.ClientSession:
        context = ssl.create_default_context(cafile=self.verify) if isinstance(self.verify, str) else self.verify
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=self.limits.connections, keepalive_timeout=self.limits.keepalive, ssl=context
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    def _headers(self, request: UpstreamRequest) -> dict[str, str]:
        headers = {key: value for key, value in request.headers.items() if key.lower() not in _NOT_FORWARDED}
        headers["accept-encoding"] = "identity"
        if self.key is not None:
            headers.pop("authorization", None)
            headers["authorization"] = f"Bearer {self.key}"
        return headers


def check_unbroken(decoder: sse.Decoder) -> None:
    """The stream ended: raises UpstreamError where it did so within an event."""
    left = decoder.close()
    if left is not None and left.cut:
        raise UpstreamError("upstream broke off within an event")


def proxy_for(url: str) -> str | None:
    """The proxy that the environment names for a URL, if any (`HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY`, `NO_PROXY`)."""
    parts, proxies = urlsplit(url), urllib.request.getproxies()
    found = proxies.get(parts.scheme) or proxies.get("all")
    if not found or urllib.request.proxy_bypass(parts.netloc.rpartition("@")[2]):
        return None
    return found if "://" in found else f"http://{found}"


def _timed_out(error: Exception) -> bool:
    """Whether a wait ran out. httpx-aiohttp calls refused connections and unknown hosts ConnectTimeout, too."""
    cause = error.__cause__
    return isinstance(error, httpx.TimeoutException) and (cause is None or isinstance(cause, TimeoutError))


def _words(error: Exception) -> str:
    return (str(error).splitlines() or [""])[0][:200] or type(error).__name__
