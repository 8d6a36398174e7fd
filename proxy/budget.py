"""What one choice may still give of works under the budgets of whoever asked. Sans-I/O.

An account is whoever has a budget: a tenant, or one user of a tenant. A `Purse` holds what the accounts' store promised
to one choice; before more is given than was promised, the gate waits and asks for more. Amounts are in half-words: 2
for a word, 1 for a character of a script without spaces.

A word of the answer counts once for a work: where the work holds it in several places, for the place whose match opened
first. What an account was given before within the window counts no more; a work counts its own words, once each.

A match opens at its eighth word at the latest, so without care each answer could give eight words of a work that is
used up. Therefore the store keeps so much aside for each channel that streams unheld (a seat), and a choice is
`cautious` while less is left: its text then waits until no match to come can begin in it.

Near matches show themselves too late to be bound: what they gave counts as given, and leaves less for what comes after.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, TypeAlias

from indexes.model import Match, Work
from policies.amounts import amounts, bounded, union
from policies.model import Evidence
from policies.policy import Budget

OPENING: Final = 16
"""Half-words of the longest copy that has not shown itself as one; no budget is smaller."""
CHUNK: Final = 64
"""Half-words promised ahead."""
REACH: Final = 9
"""Tokens at the end of a live match that seem common and may yet turn out to count."""
_EVERYWHERE: Final = 1 << 40

Interval: TypeAlias = tuple[int, int]
Delivery: TypeAlias = tuple[Work, tuple[tuple[int, int, int], ...]]
"""A work, and what was delivered of it: source tokens as first, end and units."""


@dataclass(frozen=True, slots=True)
class Account:
    """Whose budget it is, and what it may be given of one work."""

    name: str
    words: int | None
    work_share: float | None
    window: float

    def bound(self, words: int) -> int:
        """Half-words it may be given within the window of a work of so many words."""
        bounds = [2 * self.words] if self.words is not None else []
        if self.work_share is not None:
            bounds.append(int(2 * self.work_share * words))
        return max(OPENING, min(bounds))


def accounts(budget: Budget, tenant: str, user: str | None) -> tuple[Account, ...]:
    """The accounts of a request: that of the tenant, and that of the user it names if users have a budget."""
    found = [Account(f"tenant:{tenant}", budget.words, budget.work_share, budget.window)]
    if user is not None and budget.user_words is not None:
        found.append(Account(f"user:{user}", budget.user_words, None, budget.window))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Ask:
    """What a choice asks for of one work, by account: `wanted` at best, and `left` may have left already.

    Without `hold` nothing is to be promised: it only asks what is left.
    """

    work: Work
    left: tuple[int, ...]
    wanted: tuple[int, ...]
    hold: bool = True


@dataclass(frozen=True, slots=True)
class Asks:
    """What a choice waits for: something of works, a seat for one more channel that streams unheld, or slow detectors
    that have `unseen` text to look at.
    """

    works: tuple[Ask, ...] = ()
    seat: bool = False
    unseen: bool = False


@dataclass(frozen=True, slots=True)
class Grant:
    """What an account was given of a work before, as source tokens, and what of the rest is promised to the choice."""

    given: tuple[Interval, ...]
    promised: int


@dataclass(frozen=True, slots=True)
class Piece:
    """Tokens of an answer that count for one place of a work, `units` each."""

    channel: str
    output: int
    source: int
    tokens: int
    units: int

    def part(self, first: int, end: int) -> "Piece":
        """The piece from output token `first` to `end`."""
        return replace(self, output=first, source=self.source + first - self.output, tokens=end - first)


@dataclass(slots=True)
class _Share:
    """What is known of one work: by account the source tokens given before, what is promised, and what was wanted."""

    work: Work
    given: list[list[Interval]]
    promised: list[int]
    wanted: list[int]
    refused_at: int = -1


@dataclass(slots=True)
class Purse:
    """What was promised to one choice. `exempt` are works that no budget binds; `seats` how many of its channels may
    stream unheld; `with_grounded` says that the policy judges what the request itself holds, too.
    """

    size: int
    exempt: Callable[[Work], bool]
    seats: int = 0
    cautious: bool = False
    with_grounded: bool = False
    _shares: dict[str, _Share] = field(default_factory=dict)

    def wants(self, matches: Sequence[Match], *, ahead: bool) -> tuple[Ask, ...]:
        """What the choice must ask for before it goes on; `ahead`: enough for some more words to leave unasked."""
        asks = []
        for work, pieces in self._counted(bounded(matches), wary=True):
            share = self._shares.get(work.id)
            charged = self._charges(work.id, pieces)
            if share is not None and not (ahead and self._runs_low(share, charged)):
                continue
            opening = tuple(min(each, OPENING) if self.seats else 0 for each in charged)
            left = opening if share is None else tuple(share.promised)
            wanted = tuple(each + CHUNK + self._margin for each in charged)
            asks.append(Ask(work, left, wanted, hold=ahead))
        return tuple(asks)

    def take(self, asks: Sequence[Ask], grants: Sequence[Sequence[Grant]]) -> None:
        """The answers to what was asked, in the same order, each by account."""
        for ask, answers in zip(asks, grants, strict=True):
            share = self._shares.setdefault(ask.work.id, _Share(ask.work, [[] for _ in answers], [], []))
            for at, grant in enumerate(answers):
                share.given[at] = list(union([*share.given[at], *grant.given]))
            share.promised = [grant.promised for grant in answers]
            share.wanted = list(ask.wanted)
            share.refused_at = max(ask.wanted) - CHUNK - self._margin

    def watch(self, matches: Sequence[Match]) -> int:
        """How many more tokens may leave before it is to be asked again; sets `cautious` where little is left.

        None while the choice is cautious: at each token what is held may prove to be too much.
        """
        least = 1 << 30
        for work, pieces in self._counted(bounded(matches), wary=True):
            share = self._shares.get(work.id)
            if share is None:
                continue
            left = min(had - has for had, has in zip(share.promised, self._charges(work.id, pieces), strict=True))
            spare = left - self._margin
            if spare >= 0:
                least = min(least, spare // 2)
            else:
                self.cautious = True
        return 0 if self.cautious else least

    def left(self, evidence: Evidence, spent: Sequence[Match]) -> tuple[tuple[str, int], ...]:
        """What the evidence says is left: so many words that a work is over its budget just if `spent` is too much.

        That is what was promised, and what of the matches does not count for the budget.
        """
        found = []
        exact = replace(evidence, matches=tuple(bounded(evidence.matches)))
        fresh = amounts(exact, with_grounded=self.with_grounded)
        for work, pieces in self._counted(bounded(spent)):
            share = self._shares.get(work.id)
            if share is None or work.id not in fresh:
                continue
            left = min(had - has for had, has in zip(self._usable(share), self._charges(work.id, pieces), strict=True))
            found.append((work.id, fresh[work.id].fresh + left // 2))
        return tuple(found)

    def within(self, matches: Sequence[Match], channel: str) -> int:
        """The first output token of a channel that is over a promise; beyond every token if none is."""
        first = _EVERYWHERE
        for work, pieces in self._counted(bounded(matches)):
            share = self._shares.get(work.id)
            if share is None:
                continue
            if any(has > had for had, has in zip(self._usable(share), self._charges(work.id, pieces), strict=True)):
                elsewhere = [piece for piece in pieces if piece.channel != channel]
                here = sorted((piece for piece in pieces if piece.channel == channel), key=lambda each: each.output)
                first = min(first, self._first_over(work.id, share, elsewhere, here))
        return first

    def _first_over(self, work: str, share: _Share, before: list[Piece], here: Sequence[Piece]) -> int:
        for piece in here:
            for token in range(piece.output, piece.output + piece.tokens):
                so_far = [*before, piece.part(piece.output, token + 1)]
                if any(has > had for had, has in zip(self._usable(share), self._charges(work, so_far), strict=True)):
                    return token
            before = [*before, piece]
        return _EVERYWHERE

    def given(self, matches: Sequence[Match], reached: Callable[[str, int], bool]) -> tuple[Delivery, ...]:
        """What was delivered of each work that matched or was asked about; `reached` says it of a channel's token."""
        found: dict[str, Delivery] = {share.work.id: (share.work, ()) for share in self._shares.values()}
        for work, pieces in self._counted(matches):
            found[work.id] = (work, delivered(pieces, reached))
        return tuple(found.values())

    @property
    def _margin(self) -> int:
        return OPENING * max(1, self.seats)

    def _usable(self, share: _Share) -> tuple[int, ...]:
        """What is promised, without what other channels of the choice may have let leave before it shows."""
        aside = OPENING * max(0, self.seats - 1)
        return tuple(each - aside for each in share.promised)

    def _runs_low(self, share: _Share, charged: Sequence[int]) -> bool:
        """Whether the store may have more, and it is needed by now."""
        for had, usable, wanted, has in zip(share.promised, self._usable(share), share.wanted, charged, strict=True):
            if has > usable and max(charged) > share.refused_at:
                return True
            if had >= wanted and had - has < self._margin:
                return True
        return False

    def _counted(self, matches: Iterable[Match], *, wary: bool = False) -> Iterator[tuple[Work, list[Piece]]]:
        """Works that some budget binds, with what of the answer counts for them; `wary`: with what may yet count."""
        by_work: dict[str, list[Match]] = {}
        for match in matches:
            if not match.grounded and (match.counted or (wary and match.live)):
                by_work.setdefault(match.work.id, []).append(match)
        for found in by_work.values():
            if not self.exempt(found[0].work) and (pieces := counted(found, wary=wary)):
                yield found[0].work, pieces

    def _charges(self, work: str, pieces: Sequence[Piece]) -> tuple[int, ...]:
        share = self._shares.get(work)
        if share is None:
            return (charge(pieces, ()),) * self.size
        return tuple(charge(pieces, given) for given in share.given)


def counted(matches: Iterable[Match], *, wary: bool = False) -> list[Piece]:
    """What of an answer counts for one work, from its matches in order of opening; no output token counts twice.

    Common tokens do not count; `wary`: but for those that may yet turn out not to be common.
    """
    taken: dict[str, list[Interval]] = {}
    found = []
    for match in matches:
        settled = _end(match) - REACH if wary and match.live else _EVERYWHERE
        for stretch in match.stretches:
            span = (max(stretch.output, settled) if stretch.common else stretch.output, stretch.output + stretch.tokens)
            if match.grounded or span[0] >= span[1]:
                continue
            whole = Piece(match.channel, stretch.output, stretch.source, stretch.tokens, stretch.units)
            held = taken.setdefault(match.channel, [])
            found += [whole.part(*each) for each in _outside(span, held)]
            taken[match.channel] = list(union([*held, span]))
    return found


def _end(match: Match) -> int:
    last = match.stretches[-1]
    return last.output + last.tokens


def charge(pieces: Iterable[Piece], given: Sequence[Interval]) -> int:
    """Half-words of the distinct source tokens of some pieces, without those that were given before."""
    by_units: dict[int, list[Interval]] = {}
    for piece in pieces:
        by_units.setdefault(piece.units, []).append((piece.source, piece.source + piece.tokens))
    return sum(
        units * (high - low)
        for units, spans in by_units.items()
        for span in union(spans)
        for low, high in _outside(span, given)
    )


def delivered(pieces: Iterable[Piece], reached: Callable[[str, int], bool]) -> tuple[tuple[int, int, int], ...]:
    """Source tokens that were delivered, as first, end and units; `reached` says it of output tokens, by channel."""
    by_units: dict[int, list[Interval]] = {}
    for piece in pieces:
        for at in range(piece.tokens):
            if reached(piece.channel, piece.output + at):
                by_units.setdefault(piece.units, []).append((piece.source + at, piece.source + at + 1))
    return tuple((low, high, units) for units, spans in sorted(by_units.items()) for low, high in union(spans))


def _outside(span: Interval, held: Sequence[Interval]) -> Iterator[Interval]:
    """The parts of an interval that lie outside sorted, disjoint ones."""
    low, high = span
    at = max(0, bisect_right(held, (low, _EVERYWHERE)) - 1)
    for begin, end in held[at:]:
        if begin >= high:
            break
        if end <= low:
            continue
        if low < begin:
            yield low, begin
        low = max(low, end)
    if low < high:
        yield low, high
