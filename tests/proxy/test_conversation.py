"""A book cannot be read out piece by piece within one conversation: earlier answers add up."""

from pathlib import Path
from typing import Any

import pytest

from indexes.model import Work
from tests.support.bench import prose
from tests.support.live import build_index, fairgate
from tests.support.upstream import Asked, Upstream, stream, tokens, whole

BOOK = prose(1000, seed=11).split()
PIECE = 35
POLICY = "name: t\nlimits: {text: {words: 40, total: 120, over: block}}\n"


def piece(number: int) -> str:
    return " ".join(BOOK[number * 50 : number * 50 + PIECE])


@pytest.mark.live
@pytest.mark.parametrize("streamed", [False, True])
def test_pieces_of_one_book_add_up_over_a_conversation(tmp_path: Path, *, streamed: bool) -> None:
    index = build_index(tmp_path / "index", [(Work(id="book", title="Book", nature="creative"), " ".join(BOOK))])

    def play(asked: Asked) -> Any:
        text = f"Here it goes on. {piece(sum(m['role'] == 'assistant' for m in asked.json['messages']))} So far."
        return stream(tokens(text)) if asked.json.get("stream") else whole(text)

    said: list[Any] = [{"role": "user", "content": "Read to me."}]
    given = []
    with Upstream(play) as upstream, fairgate(tmp_path, index, upstream.url, POLICY) as gate, gate.client() as client:
        for _ in range(5):
            if streamed:
                events = client.chat.completions.create(model="m", messages=said, stream=True)
                text = "".join(event.choices[0].delta.content or "" for event in events if event.choices)
            else:
                answer = client.chat.completions.create(model="m", messages=said)
                text = answer.choices[0].message.content or ""
            given.append(sum(word in BOOK for word in text.split()))
            said += [{"role": "assistant", "content": text}, {"role": "user", "content": "Go on."}]
    assert given[:3] == [PIECE, PIECE, PIECE]
    assert sum(given[:4]) == 120, "the fourth piece stops where the total is used up"
    assert given[4] <= 8, "and nothing but what shows the match leaves after that"
