"""Archives: what is in them is added; what could do harm is refused by name, and nothing else is lost."""

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile

import pytest
import zstandard

from indexes.corpora import find
from indexes.readers.bounds import BombError, Budget
from tests.support.corpus_files import PROSE, link, one, read, tarred, zipped

OTHER = PROSE.replace("April", "March")
ZEROS = b"words words words " * (5 << 20)  # 94 million bytes that pack to almost nothing

COMPRESS = {
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": lambda raw: zstandard.ZstdCompressor().compress(raw),
}


def test_a_zip_gives_its_entries_with_paths_for_ids(tmp_path):
    path = zipped(
        tmp_path / "books.zip", {"old/Emma.txt": PROSE, "Clarissa.txt": OTHER, "old/": "", "__MACOSX/x": PROSE}
    )
    works, others = read(path)
    assert [(item.work.id, item.work.title, item.text) for item in works] == [
        ("books.zip/old/Emma.txt", "Emma", PROSE),
        ("books.zip/Clarissa.txt", "Clarissa", OTHER),
    ]
    assert others == []


@pytest.mark.parametrize("end", ["tar", "tar.gz", "tar.bz2", "tar.xz", "tgz"])
def test_a_tar_gives_its_entries_however_it_is_compressed(tmp_path, end):
    mode = {"tar": "w", "tgz": "w:gz"}.get(end, "w:" + end.rpartition(".")[2])
    path = tarred(tmp_path / f"books.{end}", {"old/Emma.txt": PROSE, "./Clarissa.txt": OTHER, ".hidden": PROSE}, mode)
    works, others = read(path)
    assert [(item.work.id, item.text) for item in works] == [
        (f"books.{end}/old/Emma.txt", PROSE),
        (f"books.{end}/Clarissa.txt", OTHER),
    ]
    assert others == []


def test_a_tar_in_zstandard_is_read_too(tmp_path):
    plain = tarred(tmp_path / "b.tar", {"Emma.txt": PROSE}).read_bytes()
    (tmp_path / "b.tar").unlink()
    (tmp_path / "b.tar.zst").write_bytes(COMPRESS["zst"](plain))
    assert one(tmp_path / "b.tar.zst").work.id == "b.tar.zst/Emma.txt"


@pytest.mark.parametrize("end", COMPRESS)
def test_a_compressed_text_is_one_work(tmp_path, end):
    path = tmp_path / f"Emma.txt.{end}"
    path.write_bytes(COMPRESS[end](PROSE.encode()))
    item = one(path)
    assert (item.work.id, item.work.title, item.text) == (f"Emma.txt.{end}", "Emma", PROSE)


@pytest.mark.parametrize("end", COMPRESS)
def test_streams_one_after_another_are_all_read(tmp_path, end):
    path = tmp_path / f"Emma.txt.{end}"
    path.write_bytes(COMPRESS[end](PROSE.encode()) + COMPRESS[end](OTHER.encode()))
    assert one(path).text == PROSE + OTHER


@pytest.mark.parametrize("end", COMPRESS)
def test_a_compressed_manifest_gives_its_works(tmp_path, end):
    (tmp_path / "Emma.txt").write_text(PROSE)
    path = tmp_path / f"works.jsonl.{end}"
    path.write_bytes(COMPRESS[end](b'{"content": "one two three", "id": "a"}\n{"path": "Emma.txt"}\n'))
    works, others = read(path)
    assert [item.work.id for item in works] == ["a", "Emma.txt"]
    assert others == []


def test_a_manifest_in_an_archive_gives_what_it_holds_and_names_no_files(tmp_path):
    (tmp_path / "Emma.txt").write_text(PROSE)
    lines = '{"content": "one two three", "id": "a"}\n{"path": "Emma.txt"}\n'
    works, others = read(zipped(tmp_path / "b.zip", {"works.jsonl": lines}))
    assert [item.work.id for item in works] == ["a"]
    assert [item.fault for item in others] == [True]
    assert (
        "b.zip entry works.jsonl:2: `path` cannot lead out of an archive; unpack it, or write `content`"
        in others[0].why
    )


def test_archives_within_archives_are_read(tmp_path):
    inner = zipped(tmp_path / "inner.zip", {"Emma.txt": PROSE}).read_bytes()
    (tmp_path / "inner.zip").unlink()
    path = tarred(
        tmp_path / "outer.tar.gz", {"a/inner.zip": inner, "Clarissa.txt.gz": gzip.compress(OTHER.encode())}, "w:gz"
    )
    works, others = read(path)
    assert [item.work.id for item in works] == ["outer.tar.gz/a/inner.zip/Emma.txt", "outer.tar.gz/Clarissa.txt.gz"]
    assert others == []


def test_archives_too_deep_in_each_other_are_refused(tmp_path):
    raw = zipped(tmp_path / "x.zip", {"Emma.txt": PROSE}).read_bytes()
    for _ in range(5):
        raw = zipped(tmp_path / "x.zip", {"x.zip": raw, "Clarissa.txt": OTHER}).read_bytes()
    works, others = read(tmp_path / "x.zip")
    assert len(works) == 4
    assert [(item.fault, "more than 3 archives" in item.why) for item in others] == [(True, True)]


HARMFUL = {
    "../out.txt": (PROSE, "leaves the archive"),
    "a/../../out.txt": (PROSE, "leaves the archive"),
    "/etc/passwd": (PROSE, "leaves the archive"),
    "out-link": (link(tarfile.SYMTYPE, "../../etc/passwd"), "link out of the archive to `../../etc/passwd`"),
    "absolute-link": (link(tarfile.SYMTYPE, "/etc/passwd"), "link out of the archive to `/etc/passwd`"),
    "hard-link": (link(tarfile.LNKTYPE, "../secret"), "link out of the archive"),
    "disk": (link(tarfile.BLKTYPE), "device or pipe"),
    "terminal": (link(tarfile.CHRTYPE), "device or pipe"),
    "pipe": (link(tarfile.FIFOTYPE), "device or pipe"),
}


@pytest.mark.parametrize("name", HARMFUL)
def test_what_could_do_harm_in_a_tar_is_refused_by_name_and_loses_nothing(tmp_path, name):
    content, said = HARMFUL[name]
    path = tarred(tmp_path / "b.tar", {"Emma.txt": PROSE, name: content, "Clarissa.txt": OTHER})
    works, others = read(path)
    assert [item.work.title for item in works] == ["Emma", "Clarissa"]
    assert [item.fault for item in others] == [True]
    assert others[0].why.startswith(f"`{path}` entry `{name}` ")
    assert said in others[0].why
    assert "\n" not in others[0].why


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE])
def test_a_link_that_stays_in_the_archive_is_passed_over(tmp_path, kind):
    path = tarred(tmp_path / "b.tar", {"Emma.txt": PROSE, "again": link(kind, "Emma.txt")})
    works, others = read(path)
    assert len(works) == 1
    assert [(item.fault, "is a link to `Emma.txt`" in item.why) for item in others] == [(False, True)]


@pytest.mark.parametrize("name", ["../out.txt", "/etc/out.txt", "a\\..\\..\\out.txt", "C:\\out.txt"])
def test_what_climbs_out_of_a_zip_is_refused_by_name(tmp_path, name):
    works, others = read(zipped(tmp_path / "b.zip", {name: PROSE, "Emma.txt": OTHER}))
    assert [item.work.title for item in works] == ["Emma"]
    assert [(item.fault, "leaves the archive" in item.why) for item in others] == [(True, True)]


@pytest.mark.parametrize(("mode", "said"), [(0o120777, "a symbolic link"), (0o060600, "no regular file")])
def test_links_and_devices_in_a_zip_are_refused(tmp_path, mode, said):
    info = zipfile.ZipInfo("odd")
    info.create_system, info.external_attr = 3, mode << 16
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as archive:
        archive.writestr(info, "../../etc/passwd and more words")
        archive.writestr("Emma.txt", PROSE)
    works, others = read(tmp_path / "b.zip")
    assert len(works) == 1
    assert [(item.fault, said in item.why) for item in others] == [(True, True)]


def test_an_encrypted_entry_is_refused_and_the_others_are_read(tmp_path):
    path = zipped(tmp_path / "b.zip", {"secret.txt": PROSE, "Emma.txt": OTHER})
    raw = bytearray(path.read_bytes())
    raw[6] |= 1
    raw[raw.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(raw)
    works, others = read(path)
    assert [item.work.title for item in works] == ["Emma"]
    assert others[0].fault
    assert others[0].why == f"`{path}` entry `secret.txt` is encrypted; unpack it with its password and add the file"


@pytest.mark.parametrize("end", ["zip", "tar.gz", "txt.gz", "txt.bz2", "txt.xz", "txt.zst", "jsonl.gz"])
def test_a_bomb_is_refused_and_other_files_are_read(tmp_path, end):
    folder = tmp_path / "books"
    folder.mkdir()
    (folder / "Emma.txt").write_text(PROSE)
    path = folder / f"bomb.{end}"
    if end == "zip":
        zipped(path, {"first.txt": OTHER, "bomb.txt": ZEROS})
    elif end == "tar.gz":
        tarred(path, {"first.txt": OTHER, "bomb.txt": ZEROS}, "w:gz")
    else:
        path.write_bytes(COMPRESS[end.rpartition(".")[2]](bytes(len(ZEROS))))
    works, others = read(path, folder / "Emma.txt")
    assert [item.work.title for item in works] == [*(["first"] if end in ("zip", "tar.gz") else []), "Emma"]
    assert [item.fault for item in others] == [True]
    assert "unpacks to more than 64 MiB" in others[0].why
    assert "refused as a bomb" in others[0].why
    assert ("entry `bomb.txt`" in others[0].why) == (end == "zip")


def test_small_archives_in_one_share_what_may_come_out(tmp_path):
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.txt", ZEROS[: 20 << 20])
    works, others = read(zipped(tmp_path / "b.zip", {f"{number}.zip": inner.getvalue() for number in range(10)}))
    assert len(works) == 3
    assert [item.fault for item in others] == [True]
    assert "refused as a bomb" in others[0].why


def test_too_many_entries_are_a_bomb():
    budget = Budget(10, entries=999_999)
    budget.enter()
    with pytest.raises(BombError, match="more than 1000000 entries"):
        budget.enter()


def test_a_large_file_may_unpack_to_more():
    assert Budget(1000).limit == 64 << 20
    assert Budget(1 << 30).limit == 64 << 30
    assert Budget(1 << 20).limit == 200 << 20


def test_a_sparse_entry_that_says_it_is_huge_is_refused(tmp_path):
    info = tarfile.TarInfo("huge.txt")
    info.size = 1 << 40
    with (tmp_path / "b.tar").open("wb") as file:
        file.write(info.tobuf(tarfile.GNU_FORMAT))
    works, others = read(tmp_path / "b.tar")
    assert works == []
    assert "entry `huge.txt` is larger than 256 MiB" in others[0].why
    assert "an entry is longer than the archive" in others[1].why


@pytest.mark.parametrize(
    "end", ["zip", "tar", "tar.gz", "tar.xz", "txt.gz", "txt.bz2", "txt.xz", "txt.zst", "jsonl.zst"]
)
def test_a_damaged_archive_is_one_line_and_loses_no_other(tmp_path, end):
    path = tmp_path / f"b.{end}"
    if end == "zip":
        zipped(path, {"a.txt": PROSE * 500})
    elif end.startswith("tar"):
        tarred(path, {"a.txt": PROSE * 500}, "w" if end == "tar" else "w:" + end[4:])
    else:
        path.write_bytes(COMPRESS[end.rpartition(".")[2]](PROSE.encode() * 500))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    (tmp_path / "Emma.txt").write_text(OTHER)
    works, others = read(path, tmp_path / "Emma.txt")
    assert [item.work.title for item in works][-1] == "Emma"
    assert any(item.fault and ("damaged" in item.why or "is not JSON" in item.why) for item in others)
    assert all("\n" not in item.why for item in others)


@pytest.mark.parametrize("at", range(0, 400, 7))
@pytest.mark.parametrize("end", ["zip", "tar", "tar.gz"])
def test_no_wrong_byte_stops_what_comes_after(tmp_path, end, at):
    path = tmp_path / f"b.{end}"
    if end == "zip":
        zipped(path, {"a.txt": PROSE, "b.txt": OTHER})
    else:
        tarred(path, {"a.txt": PROSE, "b.txt": OTHER}, "w" if end == "tar" else "w:gz")
    raw = bytearray(path.read_bytes())
    raw[at % len(raw)] ^= 0xFF
    path.write_bytes(raw)
    (tmp_path / "Emma.txt").write_text(PROSE * 2)
    works, _ = read(path, tmp_path / "Emma.txt")
    assert [item.work.title for item in works][-1] == "Emma"


@pytest.mark.parametrize(
    ("head", "said"),
    [
        (b"7z\xbc\xaf\x27\x1c and more", "7z archive; unpack it"),
        (b"Rar!\x1a\x07 and more", "rar archive; unpack it"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 old Word", "save it as text, PDF or EPUB"),
        (b"{\\rtf1 Hello}", "save it as text, PDF or EPUB"),
        (b"\0" * 60 + b"BOOKMOBI", "save it as EPUB"),
    ],
)
def test_a_format_that_is_not_read_says_what_to_do(tmp_path, head, said):
    (tmp_path / "a.bin").write_bytes(head)
    works, others = read(tmp_path / "a.bin")
    assert works == []
    assert [(item.fault, said in item.why) for item in others] == [(True, True)]


def test_a_word_document_is_no_archive(tmp_path):
    works, others = read(zipped(tmp_path / "a.docx", {"[Content_Types].xml": PROSE, "word/document.xml": PROSE}))
    assert works == []
    assert "save it as text" in others[0].why


def test_names_in_a_zip_that_does_not_say_utf_8_are_read_as_that(tmp_path):
    path = zipped(tmp_path / "b.zip", {"Émile.txt": PROSE})
    raw = bytearray(path.read_bytes())
    raw[7] &= ~0x08
    raw[raw.index(b"PK\x01\x02") + 9] &= ~0x08
    path.write_bytes(raw)
    assert one(path).work.title == "Émile"


def test_sizes_of_what_an_archive_holds_add_up_to_its_own(tmp_path):
    zipped(tmp_path / "a.zip", {f"{number}.txt": PROSE * 100 for number in range(9)})
    tarred(tmp_path / "b.tar.gz", {f"{number}.txt": PROSE * 100 for number in range(9)}, "w:gz")
    corpus = find([tmp_path])
    assert sum(item.size for item in corpus) == corpus.size
