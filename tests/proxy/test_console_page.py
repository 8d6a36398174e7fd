"""The console in a real browser."""

import hashlib
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from policies.model import Action
from proxy.ledger.record import Excerpt
from proxy.settings import SettingsShape, Tenant
from tests.support.browser import Page, browsing
from tests.support.decisions import ALICE, MemoryLedger, console_app, make_choice, make_decision
from tests.support.serving import serving

pytestmark = [pytest.mark.browser, pytest.mark.live]

ROWS = "document.querySelectorAll('.row').length"
HOSTILE = "<img src=x onerror='document.title=\"owned\"'><script>document.title='owned'</script>\"'`${1}"


class Console:
    """A served console, its ledger and a browser on it."""

    def __init__(self, page: Page, ledger: MemoryLedger, address: str) -> None:
        self.page = page
        self.ledger = ledger
        self.address = f"{address}/console"


@pytest.fixture
async def console(tmp_path: Path) -> AsyncIterator[Console]:
    ledger = MemoryLedger([make_decision(number, make_choice(action)) for number, action in enumerate(Action)])
    with serving(console_app(ledger)) as address:
        async with browsing(tmp_path / "profile") as page:
            yield Console(page, ledger, address)


async def test_the_list_is_live_and_a_decision_shows_its_evidence(console: Console) -> None:
    page = console.page
    await page.open(console.address)
    await page.until(f"{ROWS} === 4")
    console.ledger.add(make_decision(9, make_choice(Action.BLOCK)))
    await page.until(f"{ROWS} === 5")
    await page.evaluate("document.querySelector('.row').click()")
    await page.until("document.querySelector('.match')")
    detail = await page.text("#detail")
    for part in (
        "Alice's Adventures in Wonderland",
        "Lewis Carroll",
        "LicenseRef-demo-protected",
        "plays a protected work in this demo",
        "content, characters 0 to ",
        "characters 36 to ",
        "a run of 41 words is over limits.text.words 40",
        "Text cut: ",
        "0.50, unknown",
        "balanced@3f2a",
        "9c1e5f0a77d2b413",
        "Alice was beginning to get very tired",
    ):
        assert part in detail
    assert await page.evaluate("document.querySelectorAll('.factor .fill')[2].style.width") == "95%"
    assert page.problems == []


async def test_hostile_text_stays_text(console: Console) -> None:
    work = replace(ALICE, title=HOSTILE, creators=(HOSTILE,), url=f"javascript:document.title='owned'//{HOSTILE}")
    choice = make_choice(Action.BLOCK, text=HOSTILE, work=work)
    hostile = make_decision(
        9, replace(choice, excerpts=(Excerpt("content", choice.verdict.matches[0].match.output, HOSTILE),))
    )
    assert hostile.facts is not None
    console.ledger.decisions = [
        replace(hostile, facts=replace(hostile.facts, model=HOSTILE, tenant=HOSTILE, user=HOSTILE))
    ]
    page = console.page
    await page.open(console.address)
    await page.until(f"{ROWS} === 1")
    await page.evaluate("document.querySelector('.row').click()")
    await page.until("document.querySelector('.match')")
    assert await page.evaluate("document.title") == "fairgate decisions"
    assert await page.evaluate("document.querySelectorAll('main img, main script, main a').length") == 0
    assert (await page.text("blockquote")).strip() == HOSTILE
    assert page.problems == []


async def test_the_keyboard_alone_reaches_everything(console: Console) -> None:
    page = console.page
    await page.open(console.address)
    await page.until(f"{ROWS} === 4")
    for _ in range(12):
        await page.press("Tab")
        if await page.evaluate("document.activeElement.classList.contains('row')"):
            break
    first = await page.evaluate("document.activeElement.dataset.id")
    await page.press("Enter")
    await page.until("document.querySelector('#detail h2')")
    await page.press("ArrowDown")
    assert await page.evaluate("document.activeElement.dataset.id") < first
    await page.until("document.querySelector('.row[aria-current]') === document.activeElement")
    console.ledger.add(make_decision(9, make_choice(Action.PASS)))
    await page.until(f"{ROWS} === 5")
    assert await page.evaluate("document.activeElement.classList.contains('row')")


async def test_the_list_narrows_to_an_action(console: Console) -> None:
    page = console.page
    await page.open(console.address)
    await page.until(f"{ROWS} === 4")
    await page.evaluate("document.querySelector('[data-action=block]').click()")
    await page.until(f"{ROWS} === 1")
    assert "block" in await page.text(".row .badge")
    console.ledger.decisions = []
    await page.until("!document.getElementById('none').hidden")


async def test_an_empty_ledger_says_what_to_do_and_a_broken_one_what_is_wrong(console: Console) -> None:
    console.ledger.decisions = []
    page = console.page
    await page.open(console.address)
    await page.until("!document.getElementById('empty').hidden")
    assert console.address.removesuffix("console") + "v1/chat/completions" in await page.text("#example")
    console.ledger.broken = True
    await page.until("!document.getElementById('alert').hidden")
    assert "cannot be read" in await page.text("#alert")
    console.ledger.broken = False
    await page.until("document.getElementById('alert').hidden")


@pytest.mark.parametrize("width", [400, 1280])
async def test_nothing_is_wider_than_the_window(console: Console, width: int) -> None:
    long = replace(ALICE, title="Donaudampfschifffahrtsgesellschaft" * 6)
    console.ledger.add(make_decision(9, make_choice(Action.BLOCK, work=long, text="x" * 900)))
    page = console.page
    await page.open(console.address, width=width)
    await page.until(f"{ROWS} === 5")
    for _ in range(2):
        assert await page.evaluate("document.documentElement.scrollWidth") <= width
        await page.evaluate("document.querySelector('.row').click()")
        await page.until("document.querySelector('.match')")
    shown = await page.evaluate("getComputedStyle(document.getElementById('list')).display")
    assert (shown == "none") is (width == 400)


async def test_a_missing_key_is_asked_for_and_sent(tmp_path: Path) -> None:
    ledger = MemoryLedger([make_decision(1, make_choice(Action.BLOCK))])

    key = hashlib.sha256(b"fg-right").hexdigest()
    settings = SettingsShape(tenants=[Tenant("default", [key], role="reviewer")])
    with serving(console_app(ledger, settings)) as address:
        async with browsing(tmp_path / "profile") as page:
            await page.open(f"{address}/console")
            await page.until("!document.getElementById('key-form').hidden")
            await page.evaluate("document.getElementById('key').value = 'fg-right'")
            await page.evaluate("document.querySelector('#key-form button').click()")
            await page.until(f"{ROWS} === 1")
            assert await page.evaluate("document.getElementById('key-form').hidden")
            assert "fg-right" not in await page.evaluate("document.documentElement.outerHTML")
