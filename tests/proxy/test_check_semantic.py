"""Passages in other words, where a whole text is checked: by command and over HTTP, and off unless asked for."""

import json
from pathlib import Path

import httpx
import pytest

from indexes.model import Match, Work
from indexes.store import Store
from indexes.text.segment import TextSegment
from proxy.app import create_app
from proxy.retelling import Retelling
from proxy.settings import load
from tests.indexes.test_derivation import RETOLD, SOURCE
from tests.support.bench import CLEAN, WORK, bench
from tests.support.commands import fairgate
from tests.support.serving import serving

TEXT = f"{CLEAN}\n\n{RETOLD}"
SETTINGS = """
upstreams: [{{name: nobody, url: "http://127.0.0.1:9/v1"}}]
index: {{dir: "{folder}/index", semantic: true}}
ledger: {{url: "sqlite:///{folder}/ledger.db"}}
"""
OTHERS = (Work("work", "The Work"), WORK)


@pytest.mark.live
def test_the_command_finds_them_where_it_is_asked_to(tmp_path: Path) -> None:
    list(Store(tmp_path / "fairgate-index").add([(Work("frankenstein", "Frankenstein"), SOURCE), OTHERS]))
    (tmp_path / "text.txt").write_text(TEXT, encoding="utf-8")
    assert json.loads(fairgate(tmp_path, "check", "text.txt", "--json").stdout)["matches"] == []
    done = fairgate(tmp_path, "check", "text.txt", "--semantic", "--json")
    found = json.loads(done.stdout)
    [match] = found["matches"]
    assert (done.returncode, found["action"], match["detector"]) == (0, "attribute", "semantic")
    assert match["work"]["id"] == "frankenstein"
    assert match["probability"] >= 0.9
    assert "November" in TEXT[match["start"] : match["end"]] or "instruments" in TEXT[match["start"] : match["end"]]
    assert found["reasons"][0].startswith("made from the work with probability")


@pytest.mark.live
def test_the_route_finds_them_where_operator_and_client_want_it(tmp_path: Path) -> None:
    list(Store(tmp_path / "index").add([(Work("frankenstein", "Frankenstein"), SOURCE), OTHERS]))
    file = tmp_path / "fairgate.yaml"
    file.write_text(SETTINGS.format(folder=tmp_path), encoding="utf-8")
    with serving(create_app(load(file))) as url:
        told, plain = (
            httpx.post(f"{url}/v1/fairgate/check", json={"content": TEXT, "semantic": semantic}).json()
            for semantic in (True, False)
        )
    assert (told["action"], [match["detector"] for match in told["matches"]]) == ("attribute", ["semantic"])
    assert (plain["action"], plain["matches"]) == ("pass", [])


@pytest.mark.live
def test_the_route_refuses_where_the_operator_has_not_turned_it_on(tmp_path: Path) -> None:
    with bench(tmp_path) as served:
        assert served.post({"content": TEXT}, "/v1/fairgate/check").status_code == 200
        answer = served.post({"content": TEXT, "semantic": True}, "/v1/fairgate/check")
        assert answer.status_code == 400
        assert "`index.semantic`" in answer.json()["error"]["message"]


def test_private_works_stay_private() -> None:
    private = Work("frankenstein", "Frankenstein", private_to=("acme",))
    retelling = Retelling((TextSegment.from_texts([(private, SOURCE), OTHERS]),))

    def found(retelling: Retelling) -> tuple[Match, ...]:
        return retelling.matches(TEXT, "content", (), ())

    assert [match.work.id for match in found(retelling)] == ["frankenstein"]
    assert found(retelling.for_those_who(lambda work: not work.private_to)) == ()
    assert [match.work.id for match in found(retelling.for_those_who(lambda work: True))] == ["frankenstein"]
