"""`/console`: one page for whoever reviews decisions, with its style and script; nothing is loaded from elsewhere."""

from pathlib import Path

from litestar import Response, get

_HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-cache",
}


@get("/console", sync_to_thread=False)
def console_page() -> Response[bytes]:
    """The page."""
    return _file("console.html", "text/html; charset=utf-8")


@get("/console/console.css", sync_to_thread=False)
def console_style() -> Response[bytes]:
    """Its style."""
    return _file("console.css", "text/css; charset=utf-8")


@get("/console/console.js", sync_to_thread=False)
def console_script() -> Response[bytes]:
    """Its script."""
    return _file("console.js", "text/javascript; charset=utf-8")


def _file(name: str, media_type: str) -> Response[bytes]:
    content = (Path(__file__).parent.parent / "console" / name).read_bytes()
    return Response(content, media_type=media_type, headers=_HEADERS)
