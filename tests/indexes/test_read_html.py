"""Web pages: what a reader reads is added, and what the page says of its rights is believed."""

import json
import time

import pytest

from tests.support.corpus_files import PROSE, one, read


def page(tmp_path, head="", body=f"<p>{PROSE}</p>", **defaults):
    path = tmp_path / "page.html"
    path.write_text(f"<!doctype html><html><head>{head}</head><body>{body}</body></html>", encoding="utf-8")
    return one(path, **defaults)


def test_the_text_is_what_a_reader_reads(tmp_path):
    body = """
    <nav>Home News Sport</nav><header>The Daily</header>
    <article><h1>A Head<i>li</i>ne</h1><header>By somebody</header>
    <p>One   <b>bold</b>
    line.<br>Next line.</p><script>no()</script><style>p {}</style><p hidden>never</p>
    <blockquote>Quoted.</blockquote><ul><li>first<li>second</ul><table><tr><td>a</td><td>b</td></tr></table>
    <p>Note<sup>1</sup>.</p></article><aside>Read also</aside><footer>Imprint</footer>"""
    assert page(tmp_path, "<title>T</title>", body).text == (
        "A Headline\n\nBy somebody\n\nOne bold line.\nNext line.\n\nQuoted.\n\nfirst\nsecond\n\na b\n\nNote 1 .\n"
    )


def test_what_stands_around_the_text_of_a_page_without_a_main_part_is_left_out(tmp_path):
    around = "<header>The Daily</header><aside>Read also</aside><footer>Imprint</footer>"
    body = f"{around}<div>{PROSE}</div><div><article><header>Kept</header>one</article><article>two</article></div>"
    assert page(tmp_path, "", body).text == f"{PROSE}Kept\none\ntwo\n"


def test_verse_keeps_its_lines_and_stanzas(tmp_path):
    body = "<p>Who has seen the wind?<br>\nNeither I nor you:<br><br>But when the leaves hang</p>"
    body += "<pre>as\n  typed\n\nhere</pre>"
    assert page(tmp_path, "", body).text == (
        "Who has seen the wind?\nNeither I nor you:\n\nBut when the leaves hang\n\nas\ntyped\n\nhere\n"
    )


def test_a_page_without_a_main_part_is_read_whole(tmp_path):
    body = f"<form><div>{PROSE}</div><div><article>tiny</article></div></form>"
    assert page(tmp_path, "", body).text == f"{PROSE}tiny\n"


def test_a_page_is_known_by_how_it_begins_whatever_its_name(tmp_path):
    (tmp_path / "saved").write_text(f"\n<!DOCTYPE HTML><title>T</title><p>{PROSE}")
    item = one(tmp_path / "saved")
    assert (item.work.title, item.text) == ("T", PROSE)


def test_a_page_that_is_code_is_kept_as_it_stands(tmp_path):
    item = page(tmp_path, kind="code")
    assert item.text.startswith("<!doctype html>")


JSON_LD = {
    "@context": "https://schema.org",
    "@graph": [
        {"@type": "Organization", "name": "Nobody asked"},
        {"@type": "WebPage", "name": "The page"},
        {
            "@type": ["NewsArticle"],
            "headline": "The Headline",
            "author": [{"@type": "Person", "name": "Ada A."}, {"@type": "Person", "name": "Bob B."}],
            "copyrightHolder": {"@type": "Organization", "name": "The House"},
            "license": "https://creativecommons.org/licenses/by-nc/4.0/",
            "datePublished": "2019-03-04T00:00:00Z",
            "url": "https://example.org/head",
            "acquireLicensePage": "https://example.org/buy",
        },
    ],
}


def test_schema_org_in_json_ld(tmp_path):
    work = page(tmp_path, f'<script type="application/ld+json">{json.dumps(JSON_LD)}</script>').work
    assert (work.title, work.creators, work.holder) == ("The Headline", ("Ada A.", "Bob B."), "The House")
    assert (work.license, work.year, work.url) == ("CC-BY-NC-4.0", 2019, "https://example.org/head")
    assert (work.market, work.form, work.form_inferred) == ("licensable", "news", False)


def test_schema_org_in_microdata(tmp_path):
    body = f"""<div itemscope itemtype="https://schema.org/Book"><h1 itemprop="name">The Book</h1>
    <div itemprop="author" itemscope itemtype="https://schema.org/Person"><span itemprop="name">Jane A.</span></div>
    <a itemprop="license" href="https://creativecommons.org/publicdomain/mark/1.0/">free</a>
    <meta itemprop="copyrightYear" content="1815"><p>{PROSE}</p></div>"""
    work = page(tmp_path, "<title>Shop</title>", body).work
    assert (work.title, work.creators, work.license, work.year) == ("The Book", ("Jane A.",), "PDM-1.0", 1815)


def test_dublin_core(tmp_path):
    head = """<title>Window</title><meta name="DC.title" content="The Title"><meta name="DC.creator" content="A. One">
    <meta name="dc.creator" content="B. Two"><meta name="DCTERMS.rightsHolder" content="The House">
    <meta name="DCTERMS.license" content="http://creativecommons.org/licenses/by-sa/3.0/deed.en">
    <meta name="DC.date" content="3 May 1998"><meta name="DC.identifier" content="https://example.org/1">"""
    work = page(tmp_path, head).work
    assert (work.title, work.creators, work.holder) == ("The Title", ("A. One", "B. Two"), "The House")
    assert (work.license, work.year, work.url) == ("CC-BY-SA-3.0", 1998, "https://example.org/1")


def test_a_notice_of_copyright_names_the_holder_and_is_no_licence(tmp_path):
    work = page(
        tmp_path, '<meta name="DC.rights" content="Copyright © 2001-2003 Foo Press. All rights reserved.">'
    ).work
    assert (work.holder, work.license) == ("Foo Press", "LicenseRef-all-rights-reserved")


def test_links_of_licence_and_address(tmp_path):
    head = '<link rel="canonical" href="https://example.org/x"><meta property="og:title" content="O">'
    work = page(
        tmp_path, head, f'<p>{PROSE}</p><a rel="license" href="https://opensource.org/licenses/MIT">MIT</a>'
    ).work
    assert (work.title, work.license, work.url) == ("O", "MIT", "https://example.org/x")


def test_licences_that_differ_are_left_open_and_said(tmp_path):
    head = (
        '<link rel="license" href="https://creativecommons.org/licenses/by/4.0/"><meta name="DC.rights" content="MIT">'
    )
    item = page(tmp_path, head)
    assert item.work.license is None
    assert item.notes == (f"`{tmp_path / 'page.html'}` names several licences (`CC-BY-4.0`, `MIT`); left open",)


def test_what_the_operator_says_stands_over_what_a_page_says(tmp_path):
    head = (
        '<meta name="DC.creator" content="X"><meta name="DC.license" content="MIT"><meta name="robots" content="noai">'
    )
    work = page(tmp_path, head, license="LicenseRef-ours", creators=["Y"]).work
    assert (work.license, work.creators, work.opt_out) == ("LicenseRef-ours", ("Y",), True)


def test_a_manifest_stands_over_what_its_file_says(tmp_path):
    page(tmp_path, '<title>T</title><meta name="robots" content="noai"><meta name="DC.creator" content="X">')
    (tmp_path / "w.jsonl").write_text('{"path": "page.html", "title": "Mine", "opt_out": false}')
    work = one(tmp_path / "w.jsonl").work
    assert (work.title, work.opt_out, work.creators) == ("Mine", False, ("X",))


@pytest.mark.parametrize(
    ("head", "reserved"),
    [
        ('<meta name="robots" content="index, noai">', True),
        ('<meta name="ROBOTS" content="NOAI">', True),
        ('<meta name="robots" content="noimageai">', False),
        ('<meta name="robots" content="noindex">', False),
        ('<meta name="tdm-reservation" content="1">', True),
        ('<meta name="tdm-reservation" content="0">', False),
    ],
)
def test_a_page_reserves_its_text(tmp_path, head, reserved):
    assert page(tmp_path, head).work.opt_out is reserved


RSL = (
    '<rsl xmlns="https://rslstandard.org/rsl"><content url="/"><license><permits type="usage">search</permits>'
    '<payment type="purchase"/></license><copyright type="organization" name="The House"/></content></rsl>'
)


def test_rsl_terms_within_a_page(tmp_path):
    work = page(tmp_path, f'<script type="application/rsl+xml">{RSL}</script>').work
    assert (work.opt_out, work.market, work.holder) == (True, "licensable", "The House")


def test_rsl_terms_that_are_not_at_hand_are_said(tmp_path):
    item = page(tmp_path, '<link rel="license" type="application/rsl+xml" href="https://example.org/terms.xml">')
    assert item.work.license is None
    assert item.notes[0].endswith("names licence terms at `https://example.org/terms.xml` that are not at hand")


@pytest.mark.parametrize(
    "broken", ["{", "[" * 100_000, '{"@type": {"a": 1}}', '[1, null, "x"]', '{"@graph": 3, "license": {}}']
)
def test_json_ld_that_is_broken_is_let_be(tmp_path, broken):
    item = page(tmp_path, f'<title>T</title><script type="application/ld+json">{broken}</script>')
    assert (item.work.title, item.text) == ("T", PROSE)


@pytest.mark.parametrize(
    "body", ["<div>" * 20_000 + PROSE, "<b>" * 20_000 + PROSE, "<p " + "x=1 " * 50_000 + ">" + PROSE]
)
def test_a_page_made_to_be_slow_is_read_in_time(tmp_path, body):
    start = time.monotonic()
    assert page(tmp_path, "", body).text.strip() == PROSE.strip()
    assert time.monotonic() - start < 5


def test_an_empty_page_is_passed_over(tmp_path):
    (tmp_path / "a.html").write_text("<html><script>words that nobody reads</script></html>")
    works, others = read(tmp_path / "a.html")
    assert works == []
    assert [(item.fault, "fewer than 3 words" in item.why) for item in others] == [(False, True)]
