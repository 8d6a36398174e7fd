"""Crawls and folders that are sites: what a site says of its pages goes with each of them."""

import gzip

import pytest
import zstandard

from tests.support.corpus_files import PAGE, PROSE, one, read, warc, wet, zipped

OTHER = PAGE.replace("April", "March").replace("A Title", "Another")
SITE = "https://example.org"
TEXT = {"Content-Type": "text/plain; charset=utf-8"}


def crawl(tmp_path, *answers, name="crawl.warc.gz", **options):
    """A crawl of one page and further answers, the page first: what the site says stands behind it."""
    pages = [(f"{SITE}/books/emma.html", {}, PAGE.encode())]
    return warc(tmp_path / name, [*pages, *((f"{SITE}{path}", head, body) for path, head, body in answers)], **options)


def test_pages_are_works_under_their_address(tmp_path):
    path = crawl(tmp_path, ("/b?x=1", {}, OTHER.encode()), ("/c.txt", TEXT, PROSE.encode()))
    works, others = read(path)
    assert [(item.work.id, item.work.url, item.work.title) for item in works] == [
        (f"{SITE}/books/emma.html", f"{SITE}/books/emma.html", "A Title"),
        (f"{SITE}/b?x=1", f"{SITE}/b?x=1", "Another"),
        (f"{SITE}/c.txt", f"{SITE}/c.txt", "c"),
    ]
    assert [item.text for item in works] == [PROSE, PROSE.replace("April", "March"), PROSE]
    assert others == []


def test_what_failed_or_is_no_text_is_counted(tmp_path):
    path = crawl(
        tmp_path, ("/x", {":status": "404 Not Found"}, PAGE.encode()), ("/i", {"Content-Type": "image/png"}, b"\x89")
    )
    works, others = read(path)
    assert len(works) == 1
    assert [(item.fault, item.why) for item in others] == [
        (False, f"`{path}` has 2 answers that are no text, or failed; passed over")
    ]


def test_a_packed_answer_is_unpacked(tmp_path):
    path = warc(tmp_path / "a.warc", [(SITE, {"Content-Encoding": "gzip"}, gzip.compress(PAGE.encode()))], gz=False)
    assert one(path).text == PROSE


def test_an_answer_that_is_a_bomb_is_refused_with_its_address(tmp_path):
    bomb = gzip.compress(b"<p>words " * (9 << 20))
    path = crawl(tmp_path, ("/bomb", {"Content-Encoding": "gzip"}, bomb))
    works, others = read(path)
    assert len(works) == 1
    assert [item.fault for item in others] == [True]
    assert f"page `{SITE}/bomb` unpacks to more than 64 MiB" in others[0].why


def test_a_page_that_was_fetched_twice_is_kept_twice(tmp_path):
    path = warc(tmp_path / "a.warc.gz", [(SITE, {}, PAGE.encode()), (SITE, {}, OTHER.encode())])
    works, others = read(path)
    assert [item.work.url for item in works] == [SITE, SITE]
    assert works[0].work.id == SITE
    assert works[1].work.id.startswith(f"{SITE} 20")
    assert others == []


def test_an_encoding_that_the_server_named_is_used(tmp_path):
    body = "<p>Zażółć gęślą jaźń</p>".encode("iso-8859-2")
    path = warc(tmp_path / "a.warc.gz", [(SITE, {"Content-Type": "text/html; charset=ISO-8859-2"}, body)])
    assert one(path).text == "Zażółć gęślą jaźń\n"


def test_the_texts_of_a_crawl(tmp_path):
    item = one(wet(tmp_path / "a.warc.wet.gz", [(f"{SITE}/a", PROSE)]))
    assert (item.work.id, item.work.url, item.text) == (f"{SITE}/a", f"{SITE}/a", PROSE)
    assert item.work.title.startswith("It was a bright cold day")


@pytest.mark.parametrize("name", ["crawl.warc", "crawl.warc.gz", "crawl.warc.zst", "crawl.zip"])
def test_what_a_site_says_is_found_however_the_crawl_is_packed(tmp_path, name):
    path = crawl(tmp_path, ("/robots.txt", TEXT, b"User-agent: GPTBot\nDisallow: /"), name="crawl.warc", gz=False)
    if name.endswith(".zst"):
        (tmp_path / name).write_bytes(zstandard.ZstdCompressor().compress(path.read_bytes()))
    elif name.endswith(".zip"):
        zipped(tmp_path / name, {"crawl.warc": path.read_bytes()})
    elif name.endswith(".gz"):
        crawl(tmp_path, ("/robots.txt", TEXT, b"User-agent: GPTBot\nDisallow: /"))
    works, _ = read(tmp_path / name)
    assert [item.work.opt_out for item in works] == [True]


def test_what_a_site_says_in_one_file_of_a_crawl_holds_in_all(tmp_path):
    pages = crawl(tmp_path)
    rules = warc(tmp_path / "robots.warc.gz", [(f"{SITE}/robots.txt", TEXT, b"User-agent: CCBot\nDisallow: /books")])
    works, _ = read(pages, rules)
    assert [item.work.opt_out for item in works] == [True]


RSL = (
    '<rsl xmlns="https://rslstandard.org/rsl"><content url="{url}"><license><permits type="usage">{use}</permits>'
    "{payment}</license><copyright type='organization' name='The House'/></content></rsl>"
)
NEARER = '[{"location": "/", "tdm-reservation": 1}, {"location": "/books/", "tdm-reservation": 0}]'
RESERVED = (
    ("/robots.txt", "User-agent: GPTBot\nDisallow: /books/", True),
    ("/robots.txt", "User-agent: GPTBot\nDisallow: /news/", False),
    ("/robots.txt", "User-agent: Googlebot\nDisallow: /", False),
    ("/robots.txt", "User-agent: *\nDisallow: /books/", True),
    ("/robots.txt", "User-agent: *\nDisallow: /\n\nUser-agent: GPTBot\nAllow: /\n\nUser-agent: x\nAllow: /", True),
    ("/robots.txt", "User-agent: *\nContent-Signal: search=yes, ai-train=no\nAllow: /", True),
    ("/robots.txt", "User-agent: *\nContent-Usage: /news/ train-ai=n\nAllow: /", False),
    ("/robots.txt", "User-agent: *\nContent-Usage: train-ai=n\nAllow: /", True),
    ("/ai.txt", "User-Agent: *\nDisallow: /", True),
    ("/ai.txt", "User-Agent: *\nDisallow: *.jpg\nAllow: *.html", False),
    ("/ai.txt", "User-Agent: *\nDisallow: *.html", True),
    ("/.well-known/tdmrep.json", '[{"location": "/books/*", "tdm-reservation": 1}]', True),
    ("/.well-known/tdmrep.json", NEARER, False),
    ("/.well-known/tdmrep.json", "[{]", False),
    ("/rsl.xml", RSL.format(url="/books/", use="search", payment=""), True),
    ("/rsl.xml", RSL.format(url="/", use="ai-all", payment=""), False),
    ("/rsl.xml", RSL.format(url="/news/", use="search", payment=""), False),
    ("/rsl.xml", '<!DOCTYPE x [<!ENTITY a "b">]><rsl>&a;</rsl>', False),
)  # fmt: skip


@pytest.mark.parametrize(("path", "said", "reserved"), RESERVED)
def test_a_site_reserves_its_pages_in_a_crawl(tmp_path, path, said, reserved):
    works, others = read(crawl(tmp_path, (path, {"Content-Type": "text/plain"}, said.encode())))
    assert [item.work.opt_out for item in works] == [reserved]
    assert others == []


@pytest.mark.parametrize(("path", "said", "reserved"), RESERVED)
def test_a_site_reserves_its_pages_in_a_folder(tmp_path, path, said, reserved):
    folder = tmp_path / "mirror" / "example.org"
    (folder / "books").mkdir(parents=True)
    (folder / ".well-known").mkdir()
    (folder / "books" / "emma.html").write_text(PAGE)
    (folder / path.lstrip("/")).write_text(said)
    works, _ = read(tmp_path / "mirror")
    assert [item.work.opt_out for item in works if item.work.title == "A Title"] == [reserved]


@pytest.mark.parametrize(
    ("name", "value", "reserved"),
    [
        ("X-Robots-Tag", "noindex, noai", True),
        ("X-Robots-Tag", "somebot: noai", True),
        ("X-Robots-Tag", "noindex", False),
        ("tdm-reservation", "1", True),
        ("TDM-Reservation", "0", False),
        ("Content-Usage", "train-ai=n", True),
        ("Content-Usage", "train-ai=y", False),
    ],
)
def test_a_server_reserves_a_page_in_its_headers(tmp_path, name, value, reserved):
    assert one(warc(tmp_path / "a.warc.gz", [(SITE, {name: value}, PAGE.encode())])).work.opt_out is reserved


def test_rsl_terms_give_licence_holder_and_market(tmp_path):
    payment = "<payment type='purchase'><standard>https://creativecommons.org/licenses/by-nc/4.0/</standard></payment>"
    terms = RSL.format(url=f"{SITE}/books/*", use="ai-train", payment=payment)
    robots = ("/robots.txt", TEXT, b"User-agent: *\nAllow: /\nLicense: https://example.org/terms")
    (item, *_), _ = read(crawl(tmp_path, robots, ("/terms", {"Content-Type": "application/rsl+xml"}, terms.encode())))
    work = item.work
    assert (work.license, work.holder, work.market, work.opt_out) == ("CC-BY-NC-4.0", "The House", "licensable", False)


def test_terms_that_robots_names_are_read_from_the_folder(tmp_path):
    (tmp_path / "robots.txt").write_text("User-agent: *\nAllow: /\nLicense: /legal/terms.xml")
    (tmp_path / "legal").mkdir()
    (tmp_path / "legal" / "terms.xml").write_text(RSL.format(url="/", use="search", payment=""))
    (tmp_path / "index.html").write_text(PAGE)
    works, others = read(tmp_path)
    assert [(item.work.holder, item.work.opt_out) for item in works if item.work.title == "A Title"] == [
        ("The House", True)
    ]
    assert [
        (item.fault, "robots.txt` says what its site allows; heeded, not added" in item.why) for item in others
    ] == [(False, True)]


def test_terms_that_a_page_links_to_are_read_from_the_folder_and_from_nowhere_else(tmp_path):
    (tmp_path / "secret.xml").write_text(RSL.format(url="/", use="search", payment=""))
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "robots.txt").write_text("User-agent: *\nAllow: /")
    (folder / "terms.xml").write_text(RSL.format(url="/", use="search", payment=""))
    for name, href in (("a", "/terms.xml"), ("b", "/../secret.xml"), ("c", "https://example.org/terms.xml")):
        (folder / f"{name}.html").write_text(
            f'<html><link rel="license" type="application/rsl+xml" href="{href}"><title>{name}</title><p>{PROSE}'
        )
    works, _ = read(folder)
    assert {item.work.title: item.work.opt_out for item in works if item.work.title in "abc"} == {
        "a": True,
        "b": False,
        "c": True,
    }


def test_a_text_that_happens_to_be_called_robots_is_a_text(tmp_path):
    (tmp_path / "robots.txt").write_text("They came at night, the robots, and the village slept.")
    (tmp_path / "ai.txt").write_text("An essay on what a mind may be, and may not.")
    works, others = read(tmp_path)
    assert [item.work.title for item in works] == ["ai", "robots"]
    assert others == []


def test_what_the_operator_says_stands_over_what_a_site_says(tmp_path):
    path = crawl(tmp_path, ("/robots.txt", TEXT, b"User-agent: GPTBot\nDisallow: /"))
    (item,), _ = read(path, opt_out=False, url="https://mine.example")
    assert (item.work.opt_out, item.work.url) == (False, "https://mine.example")


@pytest.mark.parametrize("at", range(0, 700, 11))
def test_no_wrong_byte_in_a_crawl_stops_what_comes_after(tmp_path, at):
    path = crawl(tmp_path, ("/b", {}, OTHER.encode()), gz=at % 2 == 0)
    raw = bytearray(path.read_bytes())
    raw[at % len(raw)] ^= 0xFF
    path.write_bytes(raw)
    (tmp_path / "z.txt").write_text(PROSE)
    works, others = read(path, tmp_path / "z.txt")
    assert works[-1].work.title == "z"
    assert all("\n" not in item.why for item in others)


def test_a_crawl_that_is_cut_off_is_said(tmp_path):
    path = crawl(tmp_path, ("/b", {}, OTHER.encode() * 50))
    path.write_bytes(path.read_bytes()[:-60])
    works, others = read(path)
    assert len(works) >= 1
    assert any(item.fault and "is damaged" in item.why for item in others)
