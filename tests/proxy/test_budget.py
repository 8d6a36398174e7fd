"""A work cannot be drawn out of a tenant's budget, whatever many answers at once do; and all of it can be had."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from indexes.model import Work
from indexes.text.index import SegmentIndex
from indexes.text.segment import TextSegment
from policies.load import find
from policies.model import Action, Use
from policies.policy import Policy
from proxy.budget import Account, Ask, accounts
from proxy.budget_store import BudgetStore, Given
from proxy.gate import ChoiceGate
from proxy.judging import PolicyJudge, Rights, plan
from proxy.ledger.store import SqlLedger
from proxy.spending import Spending
from proxy.wire.chat_request import read_chat_request
from tests.support.records import ledger_url

BUDGET = 60
SOURCE = [f"quo{n}tla" for n in range(600)]
POLICY = """
name: rationed
limits: {{text: {{words: {words}, total: null, work_share: null, over: {over}}}}}
thresholds: {{attribute: 0.2, rewrite: 1, block: 1}}
rewrite: {{tries: {tries}, fallback: block}}
budget: {{words: {budget}, window: 24h}}
"""


def filler(count: int, seed: int) -> list[str]:
    return [f"ner{seed}o{n}vi" for n in range(count)]


@pytest.fixture(scope="module")
def index() -> SegmentIndex:
    work = Work("book", "The Book", nature="creative", form="novel")
    return SegmentIndex([TextSegment.from_texts([(work, " ".join(SOURCE))])], "0123456789abcdef")


@dataclass
class Clock:
    """Microseconds since 1970, as far as a test lets them pass."""

    now: int = 1_700_000_000_000_000

    def __call__(self) -> int:
        return self.now


@dataclass
class Room:
    """Accounts, and answers given under them; `worker` stands for a process that shares the accounts' database."""

    index: SegmentIndex
    policy: Policy
    stores: Sequence[BudgetStore]
    answers: list["Answer"] = field(default_factory=list)

    async def ask(
        self,
        *,
        streamed: bool = True,
        choices: int = 1,
        tenant: str = "acme",
        user: str | None = None,
        given: str = "",
    ) -> "Answer":
        number = len(self.answers)
        assert self.policy.budget is not None
        spending = Spending(
            self.stores[number % len(self.stores)],
            f"dec_{number}",
            accounts(self.policy.budget, tenant, user),
            lambda work: "own" in work.tags,
            with_grounded=False,
            seconds=60.0,
        )
        body = {"messages": [{"role": "user", "content": given}]}
        request = read_chat_request(json.dumps(body).encode())
        made = plan(request, self.index, PolicyJudge(self.policy, Use()), Rights(spending=spending))
        if streamed:
            await spending.begin(choices)
        answer = Answer(spending, [ChoiceGate(made, number) for number in range(choices)], ["" for _ in range(choices)])
        self.answers.append(answer)
        return answer

    def delivered(self) -> set[str]:
        """Words of the source that some client received."""
        words = {word for answer in self.answers for text in answer.texts for word in text.split()}
        return words & set(SOURCE)


@dataclass
class Answer:
    """One answer while it is written; `texts` is what the client has of each choice."""

    spending: Spending
    gates: list[ChoiceGate]
    texts: list[str]

    async def write(self, text: str, choice: int = 0, channel: str = "content") -> None:
        gate = self.gates[choice]
        self.texts[choice] += gate.feed(channel, text)
        await self._answered(choice)

    async def end(self) -> None:
        for number, gate in enumerate(self.gates):
            if not gate.stopped:
                self.texts[number] += "".join(gate.close().values())
                await self._answered(number)
            gate.conclude()
            await self.spending.settle(number, gate)
        await self.spending.end()

    async def _answered(self, choice: int) -> None:
        gate = self.gates[choice]
        while gate.asks:
            await self.spending.answer(choice, gate)
            self.texts[choice] += "".join(gate.go_on().values())


@contextlib.asynccontextmanager
async def room(
    folder: Path,
    index: SegmentIndex,
    *,
    budget: int = BUDGET,
    over: str = "block",
    words: int = 500,
    workers: int = 2,
    tries: int = 0,
) -> AsyncIterator[Room]:
    policy = folder / "policy.yaml"
    policy.write_text(POLICY.format(budget=budget, over=over, words=words, tries=tries), encoding="utf-8")
    await SqlLedger.open(ledger_url(folder)).aclose()
    stores = [BudgetStore.open(ledger_url(folder)) for _ in range(workers)]
    try:
        yield Room(index, find(str(policy)), stores)
    finally:
        for store in stores:
            await store.aclose()


@pytest.mark.parametrize("streamed", [True, False])
@pytest.mark.parametrize("size", [8, 13, 40, 400])
async def test_one_after_another_all_of_the_budget_is_given_and_no_word_more(
    tmp_path: Path, index: SegmentIndex, size: int, streamed: bool
) -> None:
    async with room(tmp_path, index) as house:
        for start in range(0, 160, size):
            answer = await house.ask(streamed=streamed)
            text = [*filler(9, start), *SOURCE[start : start + size], *filler(9, start + 1)]
            for word in text:
                await answer.write(word + " ")
            await answer.end()
        assert house.delivered() == set(SOURCE[:BUDGET])


async def test_what_left_of_a_copy_that_was_told_in_other_words_counts(tmp_path: Path, index: SegmentIndex) -> None:
    async with room(tmp_path, index, over="rewrite", tries=1) as house:
        for start in (0, 100, 200):
            answer = await house.ask()
            gate = answer.gates[0]
            for word in SOURCE[start : start + BUDGET - 3]:
                await answer.write(word + " ")
            if gate.parted:
                gate.resume()
                await answer.write(" ".join(["", *filler(20, start)]))
            await answer.end()
        assert [bool(answer.gates[0].tries) for answer in house.answers] == [False, True, True]
        assert house.delivered() == {*SOURCE[: BUDGET - 3], *SOURCE[100:103]}
        assert house.answers[2].texts[0].split() == filler(20, 200)


async def test_what_was_given_once_may_be_given_again(tmp_path: Path, index: SegmentIndex) -> None:
    async with room(tmp_path, index) as house:
        for start in (0, 20, 0, 20, 0, 300, 0):
            answer = await house.ask()
            for word in SOURCE[start : start + 40]:
                await answer.write(word + " ")
            await answer.end()
        assert house.delivered() == set(SOURCE[:BUDGET])
        assert [bool(answer.gates[0].stopped) for answer in house.answers] == [0, 0, 0, 0, 0, 1, 0]


async def test_nothing_of_a_work_that_is_used_up_leaves_not_even_its_first_words(
    tmp_path: Path, index: SegmentIndex
) -> None:
    async with room(tmp_path, index) as house:
        for start in (0, 100, 200, 300):
            answer = await house.ask()
            for word in [*filler(5, start), *SOURCE[start : start + BUDGET]]:
                await answer.write(word + " ")
            await answer.end()
        assert house.answers[1].texts == [" ".join(filler(5, 100))]
        assert house.delivered() == set(SOURCE[:BUDGET])


async def test_clean_text_waits_only_for_a_tenant_that_has_nearly_used_a_work_up(
    tmp_path: Path, index: SegmentIndex
) -> None:
    async with room(tmp_path, index) as house:
        answer = await house.ask()
        for word in SOURCE[: BUDGET - 10]:
            await answer.write(word + " ")
        await answer.end()
        clean = [*filler(30, 1), ""]
        easy = await house.ask()
        for at, word in enumerate(clean[:-1]):
            await easy.write(word + " ")
            assert easy.texts == [" ".join(clean[: at + 1]) + " "]
        await easy.end()
        last = await house.ask()
        for word in SOURCE[200:208]:
            await last.write(word + " ")
        await last.end()
        for tenant, waits in (("acme", True), ("other", False)):
            held = await house.ask(tenant=tenant)
            for word in clean[:-1]:
                await held.write(word + " ")
            assert len(clean[:-1]) - len(held.texts[0].split()) == (13 if waits else 0)
            await held.end()
            assert held.texts == [" ".join(clean)]


async def test_choices_share_one_budget(tmp_path: Path, index: SegmentIndex) -> None:
    async with room(tmp_path, index) as house:
        answer = await house.ask(choices=4)
        for at in range(30):
            for choice in range(4):
                await answer.write(SOURCE[choice * 100 + at] + " ", choice)
        await answer.end()
        given = len(house.delivered())
        assert BUDGET - 24 <= given <= BUDGET
        last = await house.ask()
        for word in SOURCE[500:560]:
            await last.write(word + " ")
        await last.end()
        assert len(house.delivered()) == BUDGET


async def test_channels_share_one_budget(tmp_path: Path, index: SegmentIndex) -> None:
    async with room(tmp_path, index, budget=20) as house:
        answer = await house.ask()
        for at in range(30):
            await answer.write(SOURCE[at] + " ", channel="reasoning")
            await answer.write(SOURCE[100 + at] + " ", channel="content")
        await answer.end()
        assert 8 <= len(house.delivered()) <= 20


async def test_other_tenants_have_budgets_of_their_own(tmp_path: Path, index: SegmentIndex) -> None:
    async with room(tmp_path, index) as house:
        for tenant, start in (("acme", 0), ("acme", 100), ("other", 100)):
            answer = await house.ask(tenant=tenant)
            await answer.write(" ".join(SOURCE[start : start + BUDGET]))
            await answer.end()
        assert house.delivered() == {*SOURCE[:BUDGET], *SOURCE[100 : 100 + BUDGET]}


async def test_what_left_the_window_may_be_given_anew(tmp_path: Path, index: SegmentIndex) -> None:
    clock = Clock()
    async with room(tmp_path, index) as house:
        for store in house.stores:
            store._clock = clock
        begun = clock.now
        for hours, asked, given in ((0, 40, 40), (20, 60, 20), (23, 60, 0), (25, 60, 40), (45, 60, 20)):
            clock.now = begun + hours * 3_600_000_000
            answer = await house.ask()
            await answer.write(" ".join(SOURCE[hours * 10 : hours * 10 + asked]))
            await answer.end()
            assert len(answer.texts[0].split()) == given, hours


async def test_what_a_dead_worker_was_promised_lapses(tmp_path: Path, index: SegmentIndex) -> None:
    clock = Clock()
    async with room(tmp_path, index) as house:
        for store in house.stores:
            store._clock = clock
        dies = await house.ask()
        await dies.write(" ".join(SOURCE[:40]))
        clock.now += 119_000_000
        early = await house.ask()
        await early.write(" ".join(SOURCE[100:160]))
        await early.end()
        assert len(early.texts[0].split()) < BUDGET - 8
        clock.now += 2_000_000
        late = await house.ask()
        await late.write(" ".join(SOURCE[200:260]))
        await late.end()
        given = {*early.texts[0].split(), *late.texts[0].split()}
        assert len(given) == BUDGET


@pytest.mark.parametrize("over", ["block", "rewrite"])
async def test_the_stored_evidence_gives_the_same_verdict(tmp_path: Path, index: SegmentIndex, over: str) -> None:
    async with room(tmp_path, index, over=over) as house:
        judge = PolicyJudge(house.policy, Use())
        verdicts = []
        for start in (0, 100, 200):
            answer = await house.ask()
            for word in SOURCE[start : start + 40]:
                await answer.write(word + " ")
            await answer.end()
            gate = answer.gates[0]
            assert judge.decide(gate.evidence) == gate.verdict
            verdicts.append(gate.verdict)
        assert [verdict.action for verdict in verdicts if verdict] == [Action.ATTRIBUTE, *[Action(over)] * 2]
        assert verdicts[1] is not None
        assert verdicts[1].reasons == ("21 words are over the 20 that are left of the tenant's budget for this work",)
        assert len(house.delivered()) == BUDGET


async def test_words_are_set_aside_for_each_answer_that_streams_unheld(tmp_path: Path, index: SegmentIndex) -> None:
    async with room(tmp_path, index) as house:
        first = await house.ask()
        await first.write(" ".join(SOURCE[: BUDGET - 24]))
        await first.end()
        one, two = await house.ask(), await house.ask()
        for answer, start in ((one, 100), (two, 200)):
            await answer.write(" ".join([*SOURCE[start : start + 7], ""]))
            assert answer.texts[0].split() == SOURCE[start : start + 7]
        for answer, start in ((one, 107), (two, 207)):
            for word in SOURCE[start : start + 40]:
                await answer.write(word + " ")
        for answer in (one, two):
            await answer.end()
        assert len(house.delivered()) == BUDGET


async def test_words_are_set_aside_for_each_channel_that_streams_unheld(tmp_path: Path, index: SegmentIndex) -> None:
    async with room(tmp_path, index, budget=17) as house:
        answer = await house.ask()
        for begin, end in ((0, 7), (7, 30)):
            for channel, start in (("reasoning", 0), ("content", 100)):
                for word in SOURCE[start + begin : start + end]:
                    await answer.write(word + " ", channel=channel)
        await answer.end()
        assert 8 <= len(house.delivered()) <= 17


async def test_a_passage_that_a_work_holds_twice_counts_once(tmp_path: Path) -> None:
    work = Work("book", "The Book", nature="creative", form="novel")
    text = " ".join([*SOURCE[:20], *filler(40, 1), *SOURCE[:20], *SOURCE[100:200]])
    twice = SegmentIndex([TextSegment.from_texts([(work, text)])], "0123456789abcdef")
    async with room(tmp_path, twice, budget=30) as house:
        for start in (0, 100):
            answer = await house.ask()
            await answer.write(" ".join(SOURCE[start : start + 20]))
            await answer.end()
        assert [len(answer.texts[0].split()) for answer in house.answers] == [20, 10]


COMMON = ["not", "what", "else", "to", "do", "with", "myself", "I", "resolved", "to", "spend", "the", "rest", "of"]


async def test_common_words_that_turn_out_to_count_do_not_slip_out(tmp_path: Path) -> None:
    work = Work("book", "The Book", nature="creative", form="novel")
    text = " ".join([*SOURCE[:100], *COMMON, *SOURCE[100:200]])
    book = SegmentIndex([TextSegment.from_texts([(work, text)])], "0123456789abcdef")
    async with room(tmp_path, book, budget=20) as house:
        for said in (SOURCE[:20], COMMON):
            answer = await house.ask()
            for word in said:
                await answer.write(word + " ")
            await answer.end()
        assert answer.gates[0].evidence.matches[0].counted < len(COMMON)
        assert answer.texts[0].split() == COMMON[:4]


async def test_a_copy_that_begins_with_common_words_ends_at_the_budget(tmp_path: Path) -> None:
    work = Work("book", "The Book", nature="creative", form="novel")
    book = SegmentIndex([TextSegment.from_texts([(work, " ".join([*COMMON, *SOURCE[:100]]))])], "0123456789abcdef")
    async with room(tmp_path, book, budget=12) as house:
        answer = await house.ask()
        for word in [*COMMON, *SOURCE[:40]]:
            await answer.write(word + " ")
        await answer.end()
        assert len(answer.texts[0].split()) == 4 + 12


async def test_what_the_request_holds_counts_for_no_budget(tmp_path: Path, index: SegmentIndex) -> None:
    async with room(tmp_path, index) as house:
        for _ in range(3):
            answer = await house.ask(given=" ".join(SOURCE[:100]))
            await answer.write(" ".join(SOURCE[:120]))
            await answer.end()
        assert [answer.texts[0].split() for answer in house.answers] == [SOURCE[:120]] * 3
        last = await house.ask()
        await last.write(" ".join(SOURCE[200:300]))
        await last.end()
        assert last.texts[0].split() == SOURCE[200 : 200 + BUDGET - 20]


async def test_own_works_have_no_budget(tmp_path: Path) -> None:
    work = Work("book", "The Book", nature="creative", form="novel", tags=("own",))
    ours = SegmentIndex([TextSegment.from_texts([(work, " ".join(SOURCE))])], "0123456789abcdef")
    async with room(tmp_path, ours) as house:
        answer = await house.ask()
        await answer.write(" ".join(SOURCE[:400]))
        await answer.end()
        assert answer.texts[0].split() == SOURCE[:400]


async def test_a_window_is_that_of_the_policy_that_asks(tmp_path: Path) -> None:
    clock = Clock()
    await SqlLedger.open(ledger_url(tmp_path)).aclose()
    store = BudgetStore.open(ledger_url(tmp_path), clock=clock)
    work = Work("book", "The Book", words=1000)
    day, week = (Account("tenant:a", 100, None, hours * 3600.0) for hours in (24, 168))
    await store.settle("one", (week,), [Given("book", 1000, ((0, 50, 2),))])
    clock.now += 30 * 3_600_000_000
    for account, left in ((day, 200), (week, 100)):
        ((grant,),) = await store.promise("two", (account,), [Ask(work, (0,), (1000,))], 60.0)
        assert grant.promised == left
    await store.aclose()


async def test_a_user_may_have_less_than_its_tenant(tmp_path: Path, index: SegmentIndex) -> None:
    async with room(tmp_path, index) as house:
        assert house.policy.budget is not None
        house.policy = replace(house.policy, budget=replace(house.policy.budget, user_words=20))
        for user, start in (("one", 0), ("one", 100), ("two", 200), ("three", 300), ("four", 400)):
            answer = await house.ask(user=user)
            await answer.write(" ".join(SOURCE[start : start + 40]))
            await answer.end()
        assert [len(answer.texts[0].split()) for answer in house.answers] == [20, 0, 20, 20, 0]


ORDERS = st.lists(st.tuples(st.integers(0, 5), st.integers(1, 12)), min_size=40, max_size=120)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    order=ORDERS,
    starts=st.lists(st.sampled_from([0, 10, 35, 60, 100, 150, 300]), min_size=6, max_size=6),
    streamed=st.booleans(),
    quoted=st.sampled_from([8, 20, 60]),
)
def test_never_more_than_the_budget_however_answers_are_woven(
    order: list[tuple[int, int]],
    starts: list[int],
    streamed: bool,
    quoted: int,
    index: SegmentIndex,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    async def play() -> int:
        async with room(tmp_path_factory.mktemp("woven"), index) as house:
            scripts = [
                [
                    *filler(4, start),
                    *SOURCE[start : start + quoted],
                    *filler(6, start + 1),
                    *SOURCE[start + 200 : start + 230],
                ]
                for start in starts
            ]
            answers: dict[int, Answer] = {}
            for who, count in order:
                if who not in answers:
                    answers[who] = await house.ask(streamed=streamed)
                words, scripts[who] = scripts[who][:count], scripts[who][count:]
                await answers[who].write(" ".join([*words, ""]))
            for who, answer in answers.items():  # or fewer words than any match has would be counted
                await answer.write(" ".join(scripts[who]))
                await answer.end()
            woven = len(house.delivered())
            assert woven <= BUDGET
            last = await house.ask(streamed=streamed)
            for word in SOURCE[500:599]:
                await last.write(word + " ")
            await last.end()
            assert len(house.delivered()) == BUDGET
            return woven

    event(f"given while woven: {asyncio.run(play())}")
