"""EPUB and PDF: the text in reading order, what the book says of its rights, and what is refused."""

import random

import pytest

from tests.support.corpus_files import PROSE, epub, link, one, pdf_bytes, read, rewritten_pdf, tarred, zipped

OTHER = PROSE.replace("April", "March")
LINES = ["It was a bright cold day in April, and the clocks", "were striking thirteen. Winston Smith, his chin"]
CORE = """<dc:title>The  Book</dc:title><dc:creator>Jane A.</dc:creator><dc:creator>Tom B.</dc:creator>
<dc:rights>Copyright © 1999 The House</dc:rights><dc:date>1999-05-01</dc:date><dc:identifier>urn:isbn:1</dc:identifier>
<dc:source>https://example.org/book</dc:source>"""


def test_a_book_gives_its_chapters_in_order_and_not_its_contents(tmp_path):
    path = epub(tmp_path / "b.epub", [f"<h1>One</h1><p>{PROSE}</p><aside>A footnote.</aside>", f"<p>{OTHER}</p>"])
    assert one(path).text == f"One\n\n{PROSE}\nA footnote.\n\n{OTHER}"


def test_a_book_says_who_wrote_it_and_who_holds_it(tmp_path):
    work = one(epub(tmp_path / "b.epub", [f"<p>{PROSE}</p>"], CORE)).work
    assert (work.title, work.creators, work.holder) == ("The Book", ("Jane A.", "Tom B."), "The House")
    assert (work.year, work.url, work.license) == (1999, "https://example.org/book", None)


@pytest.mark.parametrize(
    ("metadata", "said"),
    [
        ("<dc:rights>https://creativecommons.org/licenses/by/4.0/</dc:rights>", "CC-BY-4.0"),
        ("<dc:rights>Public domain</dc:rights>", "PDM-1.0"),
        ("<dc:rights>Public domain in the USA.</dc:rights>", "LicenseRef-public-domain-in-the-usa"),
        ("<dc:rights>All rights reserved.</dc:rights>", "LicenseRef-all-rights-reserved"),
        ('<link rel="cc:license" href="https://creativecommons.org/publicdomain/zero/1.0/"/>', "CC0-1.0"),
        ('<meta property="dcterms:license">https://opensource.org/licenses/MIT</meta>', "MIT"),
    ],
)
def test_a_book_says_its_licence(tmp_path, metadata, said):
    assert one(epub(tmp_path / "b.epub", [f"<p>{PROSE}</p>"], metadata)).work.license == said


@pytest.mark.parametrize(("value", "reserved"), [("1", True), ("0", False)])
def test_a_book_reserves_its_text(tmp_path, value, reserved):
    metadata = f'<meta property="tdm:reservation">{value}</meta>'
    assert one(epub(tmp_path / "b.epub", [f"<p>{PROSE}</p>"], metadata)).work.opt_out is reserved


def test_a_book_in_an_archive_is_a_book(tmp_path):
    raw = epub(tmp_path / "b.epub", [f"<p>{PROSE}</p>"], CORE).read_bytes()
    works, others = read(zipped(tmp_path / "a.zip", {"b.epub": raw, "c.pdf": pdf_bytes([LINES])}))
    assert [item.work.title for item in works] == ["The Book", "c"]
    assert others == []


def encryption(algorithm):
    return (
        '<encryption xmlns="urn:oasis:names:tc:opendocument:xmlns:container" '
        'xmlns:enc="http://www.w3.org/2001/04/xmlenc#"><enc:EncryptedData>'
        f'<enc:EncryptionMethod Algorithm="{algorithm}"/></enc:EncryptedData></encryption>'
    )


BILLION = '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><container>&b;</container>'
FAR = '<container><rootfiles><rootfile full-path="../../etc/passwd"/></rootfiles></container>'


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"META-INF/encryption.xml": encryption("http://www.w3.org/2001/04/xmlenc#aes256-cbc")}, "is encrypted; add"),
        ({"META-INF/container.xml": BILLION}, "declares entities"),
        ({"META-INF/container.xml": FAR}, "leaves the book"),
        ({"META-INF/container.xml": "<container/>"}, "names no package"),
        ({"META-INF/container.xml": "<contai"}, "damaged EPUB"),
        ({"OEBPS/p.opf": "<package><manifest><item id='a' href='gone.xhtml' media-type='text/html'/></manifest>"
          "<spine><itemref idref='a'/></spine></package>"}, "damaged EPUB"),
        ({"OEBPS/text/c 0.xhtml": "x" * (70 << 20)}, "unpacks to more than 64 MiB"),
    ],
)  # fmt: skip
def test_a_book_that_cannot_be_read_is_one_line(tmp_path, more, said):
    works, others = read(epub(tmp_path / "b.epub", [f"<p>{PROSE}</p>"], "", more))
    assert works == []
    assert [item.fault for item in others] == [True]
    assert said in others[0].why
    assert others[0].why.startswith(f"`{tmp_path / 'b.epub'}` ")
    assert "\n" not in others[0].why


def test_fonts_may_be_disguised(tmp_path):
    more = {"META-INF/encryption.xml": encryption("http://www.idpf.org/2008/embedding")}
    assert one(epub(tmp_path / "b.epub", [f"<p>{PROSE}</p>"], "", more)).text == PROSE


def test_a_pdf_gives_the_text_of_its_pages(tmp_path):
    (tmp_path / "a.pdf").write_bytes(pdf_bytes([LINES, ["and the second page goes on", "to its last line"]]))
    item = one(tmp_path / "a.pdf")
    assert item.text == "\n".join([*LINES, "and the second page goes on", "to its last line"]) + "\n"
    assert item.work.title == "a"


def test_running_heads_and_page_numbers_do_not_part_the_text(tmp_path):
    pages = [
        ["THE BOOK", f"page {number} begins and goes on", "to its end.", f"- {number} -"] for number in range(1, 7)
    ]
    (tmp_path / "a.pdf").write_bytes(pdf_bytes(pages))
    text = one(tmp_path / "a.pdf").text
    assert "THE BOOK" not in text
    assert "- 3 -" not in text
    assert "to its end.\npage 4 begins" in text


def test_a_pdf_says_who_wrote_it(tmp_path):
    info = "/Title (The Book) /Author (Jane A.; Tom B.) /CreationDate (D:20190304)"
    (tmp_path / "a.pdf").write_bytes(pdf_bytes([LINES], info))
    work = one(tmp_path / "a.pdf").work
    assert (work.title, work.creators, work.year) == ("The Book", ("Jane A.", "Tom B."), 2019)


XMP = b"""<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about=""
 xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:cc="http://creativecommons.org/ns#" xmlns:tdm="http://www.w3.org/ns/tdmrep#">
<dc:title><rdf:Alt><rdf:li xml:lang="x-default">The XMP Title</rdf:li></rdf:Alt></dc:title>
<dc:creator><rdf:Seq><rdf:li>Ada A.</rdf:li></rdf:Seq></dc:creator>
<dc:rights><rdf:Alt><rdf:li xml:lang="x-default">\xc2\xa9 2020 The House</rdf:li></rdf:Alt></dc:rights>
<cc:license rdf:resource="http://creativecommons.org/licenses/by-nd/4.0/"/><tdm:reservation>1</tdm:reservation>
</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>"""


def test_a_pdf_says_its_rights_in_xmp(tmp_path):
    (tmp_path / "a.pdf").write_bytes(rewritten_pdf(pdf_bytes([LINES], "/Title (Other)"), xmp=XMP))
    work = one(tmp_path / "a.pdf").work
    assert (work.title, work.creators, work.holder) == ("The XMP Title", ("Ada A.",), "The House")
    assert (work.license, work.opt_out) == ("CC-BY-ND-4.0", True)


def test_a_pdf_with_a_password_is_refused_and_one_that_opens_without_is_read(tmp_path):
    (tmp_path / "a.pdf").write_bytes(rewritten_pdf(pdf_bytes([LINES]), password="a b"))  # noqa: S106 (a file of this test)
    works, others = read(tmp_path / "a.pdf")
    assert works == []
    assert [item.why for item in others] == [f"`{tmp_path / 'a.pdf'}` is encrypted; add a copy without a password"]
    (tmp_path / "b.pdf").write_bytes(rewritten_pdf(pdf_bytes([LINES]), password=""))
    assert "bright cold day" in one(tmp_path / "b.pdf").text


def test_a_scan_is_refused(tmp_path):
    (tmp_path / "a.pdf").write_bytes(pdf_bytes([[], ["3"], []]))
    works, others = read(tmp_path / "a.pdf")
    assert works == []
    assert [item.fault for item in others] == [True]
    assert "has 3 pages and no text, so it is a scan; run OCR over it" in others[0].why


@pytest.mark.parametrize("seed", range(150))
def test_no_wrong_byte_in_a_book_stops_what_comes_after(tmp_path, seed):
    chance = random.Random(seed)  # noqa: S311 (the same each time)
    whole = {
        "a.pdf": pdf_bytes([LINES, LINES], "/Title (T)"),
        "b.pdf": rewritten_pdf(pdf_bytes([LINES]), xmp=XMP, password=""),
        "c.epub": epub(tmp_path / "x", [f"<p>{PROSE}</p>"], CORE).read_bytes(),
    }
    (tmp_path / "x").unlink()
    for name, raw in whole.items():
        wrong = bytearray(raw)
        for _ in range(chance.choice((1, 3, 30))):
            wrong[chance.randrange(len(wrong))] = chance.randrange(256)
        (tmp_path / name).write_bytes(wrong[: chance.choice((len(wrong), len(wrong), chance.randrange(9, len(wrong))))])
    (tmp_path / "z.txt").write_text(PROSE)
    works, others = read(tmp_path)
    assert works[-1].work.title == "z"
    assert len(works) + len(others) == 4
    assert all("\n" not in item.why for item in others)


def test_a_link_named_like_a_book_is_a_link(tmp_path):
    works, _ = read(tarred(tmp_path / "a.tar", {"b.epub": link(b"2", "/etc/passwd"), "Emma.txt": PROSE}))
    assert len(works) == 1
