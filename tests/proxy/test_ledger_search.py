import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from indexes.model import Span
from proxy.ledger import batches
from proxy.ledger.record import Sent
from proxy.ledger.store import SqlLedger
from tests.support.ledgers import DAY, found_in, reading, say, search, words, writing
from tests.support.records import choice_record, ledger_url, request_facts


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[SqlLedger]:
    opened = SqlLedger.open(ledger_url(tmp_path), keep=DAY)
    yield opened
    await opened.aclose()


@pytest.fixture
def url(tmp_path: Path) -> str:
    return ledger_url(tmp_path)


def fold(url: str) -> bool:
    with writing(url) as transact:
        return batches.fold(transact, least=1)


def planted(generator: random.Random, work: list[str], length: int, around: int = 60) -> str:
    """A text with a copy of `length` words of the work somewhere in it, and no word more."""
    start = generator.randrange(len(work) - length + 1)
    before, after = (words(generator, generator.randrange(around), 900_000) for _ in range(2))
    return " ".join([*before, *work[start : start + length], *after])


@pytest.mark.parametrize("folded", [False, True])
async def test_every_copy_of_eight_words_is_found(ledger: SqlLedger, url: str, *, folded: bool) -> None:
    generator = random.Random(8)  # noqa: S311 (a seeded test)
    work = words(generator, 3000)
    copies = [planted(generator, work, 8 + number % 5) for number in range(300)]
    facts = await say(ledger, *copies)
    if folded:
        assert fold(url)
    found = search(url, " ".join(work))
    assert found_in(found, facts, url) == list(range(300))
    assert (found.choices, found.others) == (300, 0)


@pytest.mark.parametrize("folded", [False, True])
async def test_what_is_found_stands_there(ledger: SqlLedger, url: str, *, folded: bool) -> None:
    generator = random.Random(9)  # noqa: S311
    work, before, after = words(generator, 500), words(generator, 31, 90_000), words(generator, 40, 90_000)
    await say(ledger, " ".join([*before, *work[100:160], *after]))
    if folded:
        assert fold(url)
    (find,) = search(url, " ".join(work)).finds
    assert (find.output, find.source) == (Span(31, 91), Span(100, 160))
    assert find.likely == 60
    assert 54 <= find.words <= 60
    assert find.channel == "content"


@pytest.mark.parametrize(("length", "most"), [(5, 12), (6, 40), (7, 160)])
async def test_fewer_words_alike_are_rarely_reported(ledger: SqlLedger, url: str, length: int, most: int) -> None:
    generator = random.Random(10)  # noqa: S311
    work = words(generator, 3000)
    facts = await say(ledger, *[planted(generator, work, length) for _ in range(400)])
    assert len(found_in(search(url, " ".join(work)), facts, url)) <= most  # most of them share a gram with the work


async def test_two_grams_far_apart_are_no_find(ledger: SqlLedger, url: str) -> None:
    generator = random.Random(11)  # noqa: S311
    work = words(generator, 400)
    between = words(generator, 12, 90_000)
    text = [*words(generator, 20, 90_000), *work[50:56], *between, *work[68:74], *words(generator, 20, 90_000)]
    await say(ledger, " ".join(text))
    assert search(url, " ".join(work)).finds == ()


async def test_a_changed_word_does_not_part_a_find(ledger: SqlLedger, url: str) -> None:
    generator = random.Random(12)  # noqa: S311
    work = words(generator, 400)
    copy = work[50:110]
    copy[::20] = words(generator, 3, 90_000)
    await say(ledger, " ".join([*words(generator, 9, 90_000), *copy]))
    (find,) = search(url, " ".join(work)).finds
    assert find.likely in (57, 58)  # the first word is a changed one; its bits may be alike
    assert find.source.end == 110


@pytest.mark.parametrize(("apart", "finds"), [(5, 1), (14, 2)])
async def test_copies_further_apart_than_five_words_are_two_finds(
    ledger: SqlLedger, url: str, apart: int, finds: int
) -> None:
    generator = random.Random(19)  # noqa: S311
    work = words(generator, 400)
    text = [*work[50:70], *words(generator, apart, 90_000), *work[70 + apart : 90 + apart]]
    await say(ledger, " ".join(text))
    assert len(search(url, " ".join(work)).finds) == finds


async def test_a_passage_that_the_work_repeats_is_one_find(ledger: SqlLedger, url: str) -> None:
    generator = random.Random(13)  # noqa: S311
    chorus = words(generator, 30)
    verses = [words(generator, 50) for _ in range(12)]
    work = [word for verse in verses for word in [*verse, *chorus]]
    await say(ledger, " ".join(chorus), " ".join([*verses[8], *chorus, *verses[9]]))
    first, second = search(url, " ".join(work)).finds
    assert (first.likely, second.likely) == (30, 130)
    assert second.source == Span(8 * 80, 8 * 80 + 130)


async def test_scripts_without_spaces_are_found_from_thirteen_characters_on(ledger: SqlLedger, url: str) -> None:
    generator = random.Random(14)  # noqa: S311
    work = "".join(chr(0x4E00 + generator.randrange(3000)) for _ in range(2000))
    texts = []
    for _ in range(60):
        start = generator.randrange(1900)
        around = ["".join(chr(0x6E00 + generator.randrange(3000)) for _ in range(20)) for _ in range(2)]
        texts.append(around[0] + work[start : start + 13] + around[1])
    facts = await say(ledger, *texts)
    assert found_in(search(url, work), facts, url) == list(range(60))


async def test_of_mixed_scripts_four_grams_in_a_row_are_enough(ledger: SqlLedger, url: str) -> None:
    """The least that an index is certain to find: words of five tokens' grams, characters of ten tokens'."""
    generator = random.Random(20)  # noqa: S311
    work: list[str] = []
    for _ in range(120):
        work += [chr(0x4E00 + generator.randrange(3000)) for _ in range(generator.randrange(8, 14))]
        work += [f" w{generator.randrange(5000)} " for _ in range(generator.randrange(2, 9))]
    sizes = [10 if len(token) == 1 else 5 for token in work]
    texts = []
    for last in range(20, 1500, 3):
        first = min(at - sizes[at] + 1 for at in range(last - 3, last + 1))
        around = [" ".join(words(generator, 12, 900_000)) for _ in range(2)]
        texts.append(f"{around[0]} {''.join(work[first : last + 1])} {around[1]}")
    facts = await say(ledger, *texts)
    assert found_in(search(url, "".join(work)), facts, url) == list(range(len(texts)))


async def test_mixed_scripts_are_found_wherever_an_index_is_certain_to_find_them(ledger: SqlLedger, url: str) -> None:
    generator = random.Random(15)  # noqa: S311

    def token(vocabulary: int) -> str:
        character = chr(0x4E00 + generator.randrange(vocabulary))
        return character if generator.random() < 0.5 else f" w{generator.randrange(vocabulary)} "

    work = [token(2000) for _ in range(1500)]
    texts = []
    for _ in range(150):
        start = generator.randrange(1400)
        noise = [f"v{generator.randrange(90_000)}" for _ in range(40)]
        texts.append(" ".join(noise[:20]) + " " + "".join(work[start : start + 26]) + " " + " ".join(noise[20:]))
    facts = await say(ledger, *texts)
    assert found_in(search(url, "".join(work)), facts, url) == list(range(150))


async def test_every_channel_of_every_choice_is_looked_at(ledger: SqlLedger, url: str) -> None:
    generator = random.Random(16)  # noqa: S311
    work = words(generator, 200)
    facts = request_facts()
    passage, other = " ".join(work[20:40]), " ".join(words(generator, 50, 90_000))
    await ledger.append(facts, choice_record(choice=0), (Sent("content", other), Sent("reasoning", passage)))
    await ledger.append(facts, choice_record(choice=1), (Sent("tool_calls[0].arguments", passage), Sent("content", "")))
    found = search(url, " ".join(work))
    assert [(find.seq, find.channel) for find in found.finds] == [(1, "reasoning"), (2, "tool_calls[0].arguments")]


@pytest.mark.parametrize("folded", [False, True])
async def test_a_very_long_answer_is_found_at_its_end(ledger: SqlLedger, url: str, *, folded: bool) -> None:
    generator = random.Random(17)  # noqa: S311
    work, long = words(generator, 100), words(generator, 150_000, 900_000)
    await say(ledger, " ".join([*long, *work[10:30]]))
    if folded:
        assert fold(url)
    (find,) = search(url, " ".join(work)).finds
    assert find.output == Span(150_000, 150_020)


async def test_what_could_not_be_looked_at_is_counted(ledger: SqlLedger, url: str) -> None:
    await say(ledger, "some words that were said")
    await ledger.append(request_facts(), choice_record())  # as a ledger without fingerprints writes it
    found = search(url, "some words that nobody said")
    assert (found.choices, found.others) == (1, 1)
    assert found.first == found.last is not None


@pytest.mark.parametrize("work", ["", "four words are none", "愛"])
async def test_a_work_too_short_for_a_gram_is_nowhere(ledger: SqlLedger, url: str, work: str) -> None:
    await say(ledger, work, "", "other words altogether, and a few more of them to make grams")
    assert fold(url)
    await say(ledger, work)
    assert search(url, work).finds == ()


async def test_what_is_older_than_asked_for_is_left_out(ledger: SqlLedger, url: str) -> None:
    generator = random.Random(18)  # noqa: S311
    work = words(generator, 100)
    await say(ledger, " ".join(work[:20]))
    assert fold(url)
    await say(ledger, " ".join(work[:20]))
    (early, late) = search(url, " ".join(work)).finds
    with reading(url) as connection:
        at = connection.exec_driver_sql(f"SELECT at_us FROM ledger_entries WHERE seq = {late.seq}").scalar_one()  # noqa: S608
    found = search(url, " ".join(work), since_us=at)
    assert ([find.seq for find in found.finds], found.choices) == ([late.seq], 1)
    assert early.seq < late.seq
