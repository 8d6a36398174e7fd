"""The hold-back machine of one choice, sans-I/O: text of its channels in, text that may leave out.

State of a channel (a `Lane`):

    open      all text leaves with the chunk it came in
    holding   a live match has used up its allowance: text leaves up to the end of the last finished token
    eliding   a copy is being shortened to a quotation: text is left out until the match closes
    parted    a copy was cut off: nothing is read until the choice is asked for again and goes on in other words
    asking    more of a work would leave than a budget promised, or slow detectors have not looked yet: nothing is read
              until the asks are answered
    stopped   the choice is blocked: nothing more leaves

Why it is right. A scanner stops after every token at which a match opened or grew, so decisions fall at tokens and
never at chunk edges. The allowance says how many more tokens every live match may grow before the action could become
rewrite or block; while it is above 0 the next token, finished or not, may leave. At 0 the lane holds from the end of
the last finished token, so the token that breaks a limit has not left when it is judged. Verdicts rest on evidence
that cannot fall as the text grows, so what was released is never regretted. Whole answers take the same path.

Where a choice is asked for again, what left and what is written next are one text: a scanner reads what left anew, so
that it stands where it would stand had the rest never been generated, and goes on over the seam.

Where little is left of a budget, a match that opens has already let more leave than may. A cautious choice (see
`budget`) therefore holds its text from where matches that are still to open may begin.

Slow detectors look at `unseen` text while the stream goes on, and what they find comes `late`. Where text is to wait
for them it leaves as far as they have looked, also before a cut. A choice ends when they have looked at all of it.
"""

from collections import deque
from collections.abc import Sequence

from indexes.model import Match, Work
from policies.edits import quote_note
from policies.model import Action, Evidence, Verdict
from proxy.budget import Asks, Delivery
from proxy.findings import Findings, Ruling
from proxy.lane import Edit, Lane, Pause
from proxy.ledger.record import Sent, TryResult
from proxy.plan import Plan
from proxy.windows import Window, Windows
from proxy.wire.fields import CONTENT

UNBOUNDED = 1 << 30


class ChoiceGate:
    """Guards all channels of the choice of this number; they share one verdict."""

    def __init__(self, plan: Plan, number: int = 0) -> None:
        self._plan = plan
        self._number = number
        self._enforce = plan.enforce
        self._lanes: dict[str, Lane] = {}
        self._allowance = UNBOUNDED
        self._until_block = 0
        self._opened = 0
        self.purse = plan.purse() if plan.purse else None
        self._found = Findings(plan, self._lanes, self.purse)
        self.asks: Asks | None = None
        """What the choice waits for, until it is answered and `go_on` is called; nothing is read meanwhile."""
        self._pause: Pause | None = None
        self._queue: deque[tuple[str, str]] = deque()
        self._unclosed: list[Lane] | None = None
        self.stopped = False
        """Whether the choice was blocked; nothing more of it will leave."""
        self.parted: Lane | None = None
        """The channel that was cut off and waits for the choice to be asked for again; nothing is read meanwhile."""
        self.tries: list[TryResult] = []
        """What became of each time that the choice was asked for again; the last may still change."""
        self.fell_back = False
        """Whether a copy that was to be told in other words became a quotation or a block in their place."""
        self.discarded = 0
        """How many code points were read and then counted as never generated."""
        self.evidence = Evidence()
        self.verdict: Verdict | None = None

    @property
    def applied(self) -> Action:
        """What was done; before `conclude()`, what was done so far."""
        if self.stopped:
            return Action.BLOCK
        if self._found.changed:
            return Action.REWRITE
        attributed = self.verdict is not None and self.verdict.action is not Action.PASS
        return Action.ATTRIBUTE if attributed and self._plan.enforce else Action.PASS

    @property
    def copied(self) -> Work:
        """The work that was copied where the choice was cut off last."""
        return self._found.copied

    @property
    def asks_left(self) -> int:
        """How often the choice may still be asked for again."""
        return self._plan.asks - len(self.tries)

    @property
    def held(self) -> int:
        """How many code points wait in all channels."""
        return sum(len(lane.pending) for lane in self._lanes.values())

    @property
    def lanes(self) -> dict[str, Lane]:
        """The channels seen, in order of appearance."""
        return self._lanes

    def feed(self, channel: str, text: str) -> str:
        """Read more of a channel and return what may leave now: the very `text` when nothing is held or changed."""
        if self.stopped or self.parted:
            return ""
        lane = self._lanes.get(channel) or self._open(channel)
        if self.asks:
            self._queue.append((channel, text))
            return ""
        scanned = lane.accept(text)
        at = self._step(lane, scanned, 0)
        if at < len(scanned):
            lane.touched = True
        elif not lane.touched or (self._allowance > 0 and lane.is_plain and self.purse is None):
            lane.released = lane.length
            return text
        if not self._enforce:
            return self._read_over(lane, text, scanned, at)
        lane.pending = lane.pending + text if lane.pending else text
        return self._read_on(lane, scanned, at)

    def close(self) -> dict[str, str]:
        """The text of the choice ends here: return what of each channel may still leave. `conclude` comes next."""
        out = {}
        if self._unclosed is None:
            self._unclosed = list(self._lanes.values())
        while self._unclosed and not self._rests:
            lane = self._unclosed.pop(0)
            before = [match.output.end for match in lane.scanner.matches]
            lane.scanner.close()
            grew = before != [match.output.end for match in lane.scanner.matches]
            lane.touched |= grew
            lane.closed = True
            out[lane.channel] = self._grown(lane) if grew else ""
            if not self._rests:
                out[lane.channel] += self._advance(lane)
        if not self._enforce and self.purse and (asks := self.purse.wants(self._found.matches(), ahead=False)):
            self.asks = Asks(asks)
        self._await_looks()
        return out

    def go_on(self) -> dict[str, str]:
        """What was asked for is answered: read on where reading stopped; returns what of each channel may leave now."""
        if self.stopped or self.parted:
            return {}
        self.asks, pause, self._pause = None, self._pause, None
        self._take_care()
        out: dict[str, str] = {}
        if pause is not None:
            lane, (scanned, at) = pause.lane, pause.lane.reading
            out[lane.channel] = self._judged(lane, opened=pause.opened)
            if not self._rests and lane.closed:
                out[lane.channel] += self._advance(lane)
            elif not self._rests:
                out[lane.channel] += self._read_on(lane, scanned, self._step(lane, scanned, at))
        while self._queue and not self._rests:
            channel, text = self._queue.popleft()
            out[channel] = out.get(channel, "") + self.feed(channel, text)
        if self._unclosed and not self._rests:
            for channel, text in self.close().items():
                out[channel] = out.get(channel, "") + text
        self._await_looks()
        return out

    def unseen(self, *, hurry: bool = False) -> list[Window]:
        """The text that slow detectors are to look at now; with `hurry` what waits for the end of a sentence, too."""
        ready = []
        for lane in self._lanes.values():
            windows = lane.windows
            if windows is None:
                continue
            if not (lane.eliding or (self._pause and self._pause.lane is lane)):
                windows.cut()
                if hurry:
                    windows.finish(windows.end)
            ready += windows.take()
        return ready

    def late(self, window: Window, found: Sequence[Match]) -> dict[str, str]:
        """Slow detectors have looked at a window and found this; returns what of its channel may leave now.

        Spans are those of the text that was looked at. Nothing found that comes too late counts: the choice is
        concluded, or the text was never generated. What left stays: a verdict stops what is still to come, if anything.
        Where they could not look in time, nothing is found.
        """
        lane = self._lanes[window.channel]
        over = self.stopped or self.parted or self.verdict is not None
        if over or lane.windows is None or not lane.windows.answer(window):
            return {}
        out = self._judged_late(lane, lane.join(found)) if found else ""
        if self._enforce and not (self.stopped or self.parted or self._pause):
            out += self._advance(lane)
        return {lane.channel: out}

    def given(self) -> tuple[Delivery, ...]:
        """What was delivered of each work that some budget binds."""
        if self.purse is None:
            return ()
        return self.purse.given(self._found.spent(), lambda channel, token: self._lanes[channel].reached(token))

    def heed_no_budget(self) -> None:
        """Budgets could not be asked, and the policy says to pass then: the choice goes on as if it had none."""
        self.purse = self._found.purse = None

    def break_off(self, channel: str) -> None:
        """What is being written now will not come to its end: go back to what left of it, to be asked for again."""
        self.tries[-1:] = ["failed"]
        lane = self._lanes.get(channel) or self._open(channel)
        self._part(lane)

    def resume(self) -> None:
        """The choice was asked for again: what is fed next goes on right behind what left."""
        lane, self.parted, self._unclosed = self.parted, None, None
        self._queue.clear()
        if lane is None:
            return
        self.tries.append("clean")
        lane.closed = False
        lane.scanner = self._plan.scanner(lane.channel)
        text, at = lane.reread(self._plan.view(self._number, lane.channel)), 0
        while (at := lane.scanner.step(text, at)) < len(text):
            pass
        lane.resumed = lane.length
        lane.touched = True
        self._found.know()
        self._opened = self._found.opened
        self._allowance = self._until_block = 0

    def give_up(self) -> str:
        """Nothing can be had that would go on: stop, and return what still leaves, the source of what was cut off."""
        lane, self.parted = self.parted, None
        self.stopped = self.fell_back = True
        if lane is None or not self._plan.may_quote(lane.channel):
            return ""
        copy = self._found.cut_off_at_end(lane)
        return self._note(lane, copy, lane.length) if copy else ""

    def conclude(self) -> Verdict:
        """Judge what was read, once and for good; nothing more is read and nothing more leaves."""
        self.evidence = self._found.concluded()
        self.verdict = self._plan.judge.decide(self.evidence)
        return self.verdict

    def sent(self) -> tuple[Sent, ...]:
        """What the client received on each channel, the strings of JSON decoded."""
        found = []
        for lane in self._lanes.values():
            view = self._plan.view(self._number, lane.channel) if lane.view else None
            found.append(Sent(lane.channel, view.feed(lane.sent) if view else lane.sent))
        return tuple(found)

    def _open(self, channel: str) -> Lane:
        view = self._plan.view(self._number, channel)
        lane = self._lanes[channel] = Lane(channel, self._plan.scanner(channel), view)
        if self._plan.hold is not None:
            lane.windows = Windows(channel, self._plan.hold)
            lane.holds = lane.touched = self._enforce and self._plan.hold != "none"
        self._take_care()
        if self._enforce and self.purse and not self.purse.cautious and len(self._lanes) > self.purse.seats:
            self.asks = Asks(seat=True)
        return lane

    def _take_care(self) -> None:
        """Where the choice is cautious, let no lane release what it has not looked at."""
        if self.purse is not None and self.purse.cautious:
            for lane in self._lanes.values():
                lane.touched = True

    @property
    def _rests(self) -> bool:
        """Whether nothing more is read for now, or for ever."""
        return self.stopped or self.parted is not None or self.asks is not None

    def _step(self, lane: Lane, scanned: str, at: int) -> int:
        """Read on from `at` to where the choice must be judged: where one opens, or grows beyond what is allowed."""
        scanner = lane.scanner
        scanner.spare = self._allowance
        at = scanner.step(scanned, at)
        self._allowance = scanner.spare
        return at

    def _read_over(self, lane: Lane, text: str, scanned: str, at: int) -> str:
        """Read on, whatever is found: where nothing is held, the matches are asked for at the end."""
        while at < len(scanned):
            at = self._step(lane, scanned, at)
        lane.released = lane.length
        return text

    def _read_on(self, lane: Lane, scanned: str, at: int) -> str:
        """Judge at every token at which a match opened or grew, the one before `at` first."""
        out = ""
        while at < len(scanned):
            out += self._grown(lane)
            if self.stopped or self.parted:
                return out
            if self._pause is not None:
                lane.reading = (scanned, at)
                return out
            at = self._step(lane, scanned, at)
        return out + self._advance(lane)

    def _advance(self, lane: Lane) -> str:
        """Release what no live match keeps back."""
        if lane.eliding and (lane.goes_on or not self._resumes(lane)):
            return ""
        if self._allowance <= 0 and lane.scanner.live and self._enforce:
            until = lane.token_end()
        else:
            until = lane.length if lane.view is None or not lane.scanner.live else lane.read_end()
        if self.purse is not None and self.purse.cautious and self._enforce:
            until = min(until, lane.settled())
        if lane.holds:
            until = min(until, lane.looked())
        return lane.take(until)

    def _grown(self, lane: Lane) -> str:
        """A match opened or grew at the last finished token of `lane`: judge, and return what leaves because of it."""
        if not self._enforce:
            return ""
        total = lane.scanner.opened
        if len(self._lanes) > 1:
            total = self._found.opened
        opened, self._opened = total != self._opened, total
        if opened:
            self._until_block = 0
        if not opened and self._allowance > 0:
            self._allowance -= 1
            return ""
        if not opened and self._until_block > 0 and lane.goes_on:
            self._until_block -= 1
            return ""
        return self._judged(lane, opened=opened)

    def _judged(self, lane: Lane, *, opened: bool) -> str:
        """Judge what there is at the last finished token of `lane`, unless something must be asked for first."""
        if self.purse is not None and (asks := self.purse.wants(self._found.spent(), ahead=True)):
            self.asks, self._pause = Asks(asks), Pause(lane, opened)
            return ""
        if lane.eliding and not self._resumes(lane):
            return self._go_on_eliding(lane)
        ruling = self._found.rule(lane, opened=opened, spared=self._allowance > 0)
        if not ruling.offenders:
            return self._allow(ruling.allowance)
        if lane.holds and not lane.has_looked(ruling.cut):
            self.asks, self._pause = Asks(unseen=True), Pause(lane, opened)
            return ""
        return self._act(lane, ruling)

    def _judged_late(self, lane: Lane, found: Sequence[Match]) -> str:
        """Judge what slow detectors found in a channel, and return what leaves because of it."""
        all_left = self._unclosed is not None and not (self._unclosed or self.held)
        if all_left or not self._enforce:
            return ""
        left_out = bool(lane.eliding) and not self._resumes(lane)
        ruling = self._found.late(lane, found)
        if left_out:
            return self._stop(lane, lane.released) if ruling.blocks(lane) else ""
        if not ruling.offenders:
            return self._allow(min(self._allowance, ruling.allowance))
        out = self._act(lane, ruling)
        if self.stopped or self.parted:
            self.asks = self._pause = None
        return out

    def _await_looks(self) -> None:
        """Where the text of the choice has ended, wait for slow detectors to have looked at all of it."""
        if self._unclosed is not None and not self._rests:
            windows = [lane.windows for lane in self._lanes.values() if lane.windows is not None]
            looked = [each.finish(each.end) for each in windows]
            if not all(looked):
                self.asks = Asks(unseen=True)

    def _allow(self, tokens: int) -> str:
        """Let every live match grow by so many tokens before it is judged again, or fewer where a budget says so."""
        self._allowance = tokens
        if self.purse is not None:
            self._allowance = min(tokens, self.purse.watch(self._found.spent()))
            self._take_care()
        return ""

    def _act(self, lane: Lane, ruling: Ruling) -> str:
        """Do about what may not go on what the policy says and the channel allows; return what leaves."""
        self._found.know()
        if self.tries:
            self.tries[-1] = "still_copied"
        can_ask = self.asks_left > 0 and lane.channel == CONTENT
        may_go_on = can_ask or self._plan.may_quote(lane.channel)
        if ruling.blocks(lane) or not may_go_on:
            self.fell_back = ruling.only_rewrites
            return self._stop(lane, ruling.cut)
        out = lane.take(ruling.cut)
        if can_ask:
            self._found.cut_off(lane, ruling.matches)
            self._part(lane)
            return out
        self.fell_back = True
        lane.leave_out(ruling.matches)
        return out + self._note(lane, ruling.matches[0], ruling.cut)

    def _note(self, lane: Lane, match: Match, cut: int) -> str:
        """Put the source of a match in place of what is left out from `cut` on."""
        note = quote_note(self._plan.shown(match.work))
        lane.edits.append(Edit(cut, cut, note))
        return note

    def _part(self, lane: Lane) -> None:
        """Nothing more is read of this answer. What has not left counts as never generated."""
        self.discarded += lane.length - lane.released
        lane.forget_after(lane.released)
        self.parted = lane

    def _go_on_eliding(self, lane: Lane) -> str:
        """Text that is left out has grown: judge whether that is now too much for a quotation."""
        evidence = self._found.evidence()
        ruling = self._found.against(lane, evidence)
        if ruling.blocks(lane):
            return self._stop(lane, lane.released)
        lane.leave_out(ruling.matches)
        self._until_block = self._plan.judge.allowance(evidence, Action.BLOCK)
        lane.follow()
        return ""

    def _stop(self, lane: Lane, cut: int) -> str:
        """Block the choice. What was read beyond the token at hand counts as never read, however it was cut."""
        self.stopped = True
        out = lane.take(cut)
        lane.forget_after(max(lane.released, lane.token_end()))
        return out

    def _resumes(self, lane: Lane) -> bool:
        """Whether every match that is left out has closed, so that the text behind it is read on."""
        if not lane.resume():
            return False
        self._allowance = 0
        return True
