"""Did we ever say this? Answers through a real server, then a work that is registered later."""

import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner, Result

from indexes.errors import FairgateError, UsageError
from indexes.model import Work
from indexes.store import Store
from indexes.text.normalize import tokenize
from proxy.commands.ledger import ledger_command
from tests.support.bench import prose
from tests.support.live import Fairgate, build_index, fairgate
from tests.support.upstream import Answer, Asked, Upstream, stream, tokens, tool_call, whole

pytestmark = pytest.mark.live

KNOWN = prose(600, seed=31)
LATER = prose(600, seed=32)
PASSAGE = " ".join(LATER.split()[200:260])
KEYS = {"fg-a": "acme", "fg-b": "umbra", "fg-r": "legal"}
SETTINGS = "ledger: {fingerprints: 1d}\n"
POLICY = "name: t\nlimits: {text: {words: 40, over: block}}\n"
QUOTING = "name: t\nlimits: {text: {words: 40, over: rewrite}}\nrewrite: {tries: 0, fallback: quote}\n"


def about(exact: int | list[int]) -> Any:
    """As many words, give or take those at the edges that look alike by chance."""
    return pytest.approx(exact, abs=3)


def keyed() -> str:
    rows = [
        f"  - {{name: {name}, keys: [{hashlib.sha256(key.encode()).hexdigest()}]"
        + (", role: reviewer}" if name == "legal" else "}")
        for key, name in KEYS.items()
    ]
    return SETTINGS + "tenants:\n" + "\n".join(rows) + "\n"


@pytest.fixture
def index(tmp_path: Path) -> Path:
    return build_index(tmp_path / "index", [(Work(id="known", title="Known"), KNOWN)])


def register_later(index: Path, *, keep_texts: bool = True) -> None:
    list(Store(index).add([(Work(id="later", title="Later"), LATER)], keep_texts=keep_texts))


def ask(gate: Fairgate, *, key: str = "sk-test", streamed: bool = False, **more: Any) -> httpx.Response:
    body = {"model": "m", "messages": [{"role": "user", "content": "Tell me."}], "stream": streamed, **more}
    return httpx.post(
        f"{gate.url}/v1/chat/completions", json=body, headers={"authorization": f"Bearer {key}"}, timeout=60
    )


def look(gate: Fairgate, body: dict[str, Any], key: str = "fg-r") -> httpx.Response:
    return httpx.post(
        f"{gate.url}/v1/fairgate/ledger/search",
        json=body,
        headers={"authorization": f"Bearer {key}"},
        timeout=60,
    )


def told(*arguments: str) -> Result:
    return CliRunner().invoke(ledger_command, ["search", *arguments])


def from_file(gate: Fairgate, index: Path, work: str, *more: str) -> dict[str, Any]:
    found = told(work, "--ledger", f"sqlite:///{gate.ledger}", "--index", str(index), "--json", *more)
    assert found.exit_code == 0, found.output
    answer: dict[str, Any] = json.loads(found.stdout)
    return answer


@pytest.mark.parametrize("keep_texts", [True, False])
def test_a_work_registered_later_is_found_in_what_was_said_before(
    tmp_path: Path, index: Path, *, keep_texts: bool
) -> None:
    said = f"It goes like this: {PASSAGE}. More I do not know."

    def play(asked: Asked) -> Answer:
        return stream(tokens(said)) if asked.json["stream"] else whole(said)

    with Upstream(play) as upstream, fairgate(tmp_path, index, upstream.url, POLICY, keyed()) as gate:
        decisions = [
            ask(gate, key=key, streamed=streamed).headers["x-fairgate-decision"]
            for key, streamed in (("fg-a", False), ("fg-b", True))
        ]
        register_later(index, keep_texts=keep_texts)
        answer = look(gate, {"work": "later"})
    assert answer.headers["cache-control"] == "no-store"
    found = answer.json()
    assert found["work"] == {"id": "later", "title": "Later"}
    assert (found["words"], found["total"], found["has_more"], found["not_searched"]) == (600, 2, False, 0)
    assert found["searched"]["choices"] == 2
    data = {each["decision_id"]: each for each in found["data"]}
    assert [data[decision]["tenant"] for decision in decisions] == ["acme", "umbra"]
    for each in data.values():
        assert each["likely_words"] == about(60)
        assert 54 <= each["words"] <= 60
        assert (each["output"], each["source"]) == (about([4, 64]), about([200, 260]))
        assert PASSAGE in LATER[slice(*each["source_chars"])]
        assert len(LATER[slice(*each["source_chars"])].split()) == about(60)
        assert (each["channel"], each["choice"], each["model"], each["applied"]) == ("content", 0, "m", "pass")
        assert each["at"].endswith("Z")
    assert from_file(gate, index, "later")["data"] == found["data"]


@pytest.mark.parametrize("streamed", [False, True])
def test_only_what_was_delivered_counts(tmp_path: Path, index: Path, *, streamed: bool) -> None:
    """A copy cut off by a limit was delivered up to it; what upstream wrote behind it was not."""
    said = f"Here: {' '.join(KNOWN.split()[100:300])} and then {PASSAGE}."

    def play(asked: Asked) -> Answer:
        return stream(tokens(said)) if asked.json["stream"] else whole(said)

    with Upstream(play) as upstream, fairgate(tmp_path, index, upstream.url, POLICY, SETTINGS) as gate:
        answer = ask(gate, streamed=streamed)
        assert "content_filter" in answer.text
        register_later(index)
        (copy,) = look(gate, {"work": "known"}).json()["data"]
        assert look(gate, {"work": "later"}).json()["data"] == []
    assert (copy["source"], copy["likely_words"], copy["applied"]) == (about([100, 140]), about(40), "block")


def test_what_was_left_out_of_a_quotation_was_not_said(tmp_path: Path, index: Path) -> None:
    said = f"Here: {' '.join(KNOWN.split()[100:300])} and then {PASSAGE}."
    with (
        Upstream(lambda _: whole(said)) as upstream,
        fairgate(tmp_path, index, upstream.url, QUOTING, SETTINGS) as gate,
    ):
        answer = ask(gate).json()["choices"][0]["message"]["content"]
        register_later(index)
        (copy,) = look(gate, {"work": "known"}).json()["data"]
        (other,) = look(gate, {"work": "later"}).json()["data"]
    assert "[...]" in answer
    assert (copy["source"], copy["applied"]) == (about([100, 140]), "rewrite")
    assert other["source"] == about([200, 260])
    words = [answer[start:end] for start, end in _words(answer)]
    assert PASSAGE in " ".join(words[slice(*other["output"])])


def _words(text: str) -> list[tuple[int, int]]:
    found = tokenize(text)
    return list(zip(found.starts.tolist(), found.ends.tolist(), strict=True))


def test_strings_of_tool_arguments_are_read_as_what_they_say(tmp_path: Path, index: Path) -> None:
    arguments = json.dumps({"text": PASSAGE.replace(" ", "\n"), "title": "x"})
    with (
        Upstream(lambda _: stream(tool_call(arguments))) as upstream,
        fairgate(tmp_path, index, upstream.url, POLICY, SETTINGS) as gate,
    ):
        ask(gate, streamed=True, tools=[{"type": "function", "function": {"name": "write"}}])
        (copy,) = look(gate, {"content": LATER}).json()["data"]
    assert (copy["channel"], copy["source"]) == ("tool_calls[0].arguments", about([200, 260]))


def test_a_call_that_was_left_out_was_not_said(tmp_path: Path, index: Path) -> None:
    call = {
        "id": "c",
        "type": "function",
        "function": {"name": "write", "arguments": json.dumps({"text": KNOWN[:3000]})},
    }
    with (
        Upstream(lambda _: whole({"content": "As you wish.", "tool_calls": [call]})) as upstream,
        fairgate(tmp_path, index, upstream.url, POLICY, SETTINGS) as gate,
    ):
        answer = ask(gate).json()["choices"][0]
        found = look(gate, {"work": "known"}).json()
    assert answer["finish_reason"] == "content_filter"
    assert "tool_calls" not in answer["message"]
    assert (found["data"], found["searched"]["choices"]) == ([], 1)


def test_what_was_said_when_nothing_was_held_is_found_whole(tmp_path: Path, index: Path) -> None:
    policy = "name: t\nmode: monitor\n"
    with (
        Upstream(lambda _: whole(f"So: {KNOWN}")) as upstream,
        fairgate(tmp_path, index, upstream.url, policy, SETTINGS) as gate,
    ):
        ask(gate)
        (copy,) = look(gate, {"work": "known"}).json()["data"]
    assert (copy["likely_words"], copy["applied"]) == (600, "pass")


def test_searching_is_for_reviewers(tmp_path: Path, index: Path) -> None:
    with (
        Upstream(lambda _: whole("Well.")) as upstream,
        fairgate(tmp_path, index, upstream.url, POLICY, keyed()) as gate,
    ):
        viewer, nobody, reviewer = (look(gate, {"work": "known"}, key) for key in ("fg-a", "fg-x", "fg-r"))
    assert (viewer.status_code, nobody.status_code, reviewer.status_code) == (403, 401, 200)
    assert "this needs reviewer" in viewer.json()["error"]["message"]


Wrong = dict[str, tuple[dict[str, Any], int, str, str]]
WRONG: Wrong = {
    "neither": ({}, 400, "work", "send either `work`"),
    "both": ({"work": "known", "content": "x"}, 400, "work", "send either `work`"),
    "an unknown work": ({"work": "x"}, 404, "work", "there is no work `x`"),
    "an unknown key": ({"works": "x"}, 400, "works", "unknown field `works`"),
    "no time": ({"work": "known", "since": "soon"}, 400, "since", "`soon` is no time"),
    "no limit": ({"work": "known", "limit": 0}, 400, "limit", "write a number from 1 to 1000"),
    "another type": ({"work": 1}, 400, "work", "`work` cannot be read"),
}


def test_a_wrong_search_is_refused_with_what_to_send(tmp_path: Path, index: Path) -> None:
    with (
        Upstream(lambda _: whole("Well.")) as upstream,
        fairgate(tmp_path, index, upstream.url, POLICY, SETTINGS) as gate,
    ):
        for name, (body, status, param, says) in WRONG.items():
            answer = look(gate, body)
            error = answer.json()["error"]
            assert (answer.status_code, error["param"] or "") == (status, param), name
            assert says in error["message"], name


def test_the_longest_copies_come_first_and_the_rest_is_counted(tmp_path: Path, index: Path) -> None:
    lengths = iter([12, 30, 20, 9])
    later = LATER.split()
    with (
        Upstream(lambda _: whole(f"One: {' '.join(later[50 : 50 + next(lengths)])}. Two.")) as upstream,
        fairgate(tmp_path, index, upstream.url, POLICY, SETTINGS) as gate,
    ):
        for _ in range(4):
            ask(gate)
        found = look(gate, {"content": LATER, "limit": 2}).json()
        long = look(gate, {"content": LATER, "words": 15}).json()
        future = look(gate, {"content": LATER, "since": "2100-01-01"}).json()
    assert [each["likely_words"] for each in found["data"]] == about([30, 20])
    assert (found["total"], found["has_more"], found["work"]) == (4, True, None)
    assert (long["total"], long["has_more"]) == (2, False)
    assert (future["total"], future["searched"]["choices"], future["searched"]["first"]) == (0, 0, None)


def test_the_command_says_it_in_words(tmp_path: Path, index: Path) -> None:
    with (
        Upstream(lambda _: whole(f"It goes: {PASSAGE}. No more.")) as upstream,
        fairgate(tmp_path, index, upstream.url, POLICY, SETTINGS) as gate,
    ):
        decision = ask(gate).headers["x-fairgate-decision"]
    file = tmp_path / "later.txt"
    file.write_text(LATER, encoding="utf-8")
    url = f"sqlite:///{gate.ledger}"
    found = told(str(file), "--ledger", url, "--index", str(tmp_path / "no-index"))
    first, last = found.stdout.splitlines()
    assert f"{decision}  tenant default  choice 0 content  pass: " in first
    assert re.search(r"5\d to 6\d words, at words \d-6\d of the answer and characters 20\d\d-\d+ of the work$", first)
    assert last.startswith("1 copies in 1 of 1 answers, 20")
    none = told(str(file), "--ledger", url, "--since", "2100-01-01")
    assert none.stdout == "0 copies in 0 of 0 answers\n"


Try = Callable[[Path], list[str]]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (lambda folder: ["nothing", "--index", str(folder / "index")], "can be read neither as a file"),
        (lambda folder: [str(folder / "latin.txt"), "--index", str(folder / "index")], "is not UTF-8 text (byte 2)"),
        (lambda folder: ["known", "--index", str(folder / "index")], "no ledger at"),
    ],
)
def test_what_cannot_be_searched_is_said_in_one_line(tmp_path: Path, index: Path, arguments: Try, says: str) -> None:
    (tmp_path / "latin.txt").write_bytes(b"ol\xe9")
    assert index.exists()
    result = told(*arguments(tmp_path), "--ledger", f"sqlite:///{tmp_path / 'none.db'}")
    assert isinstance(result.exception, FairgateError | UsageError)
    assert says in str(result.exception)
    assert "\n" not in str(result.exception)
