"""`fairgate serve --workers N`, with real processes: they die and are replaced, drain, reload, and add up."""

import os
import re
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path

import httpx
import pytest

from indexes.model import Work
from tests.support.bench import CLEAN, WORK, eventually, prose
from tests.support.upstream import Answer, Asked, Stall, Upstream, stream, tokens
from tests.support.workers import Server, alive, contents, free_port, prepare, request, started

pytestmark = pytest.mark.live
NEW = prose(300, seed=11)
LONG = prose(120, seed=12)
COPY = " ".join(WORK.split()[100:200])


def play(asked: Asked) -> Answer:
    """What the `user` of a request asks for."""
    match asked.json.get("user", "").partition("-")[0]:
        case "slow":
            return stream(tokens(LONG), delay=0.03)
        case "endless":
            return stream([*tokens(CLEAN, finish=None), Stall()])
        case "copy":
            return stream(tokens(COPY))
        case _:
            return stream(tokens(CLEAN))


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with Upstream(play) as playing:
        yield playing


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, upstream: Upstream) -> Iterator[Server]:
    """Two workers that outlast these tests."""
    folder = tmp_path_factory.mktemp("workers")
    with started(folder, prepare(folder, upstream.url, 2)) as server:
        yield server


def ask(server: Server, user: str) -> httpx.Response:
    """A whole streamed answer, over a connection of its own."""
    return httpx.post(f"{server.url}/v1/chat/completions", json=request(user), timeout=30)


def in_all(server: Server, holds: Callable[[], bool], rounds: int = 12) -> bool:
    """Whether something holds on each of many connections, so in every worker."""
    return all(holds() for _ in range(rounds))


class Open:
    """Streams that are read in the background, each by a thread of its own."""

    def __init__(self, server: Server, users: list[str]) -> None:
        self.ids: dict[str, str] = {}
        self.bodies: dict[str, bytes] = {}
        self.broken: dict[str, str] = {}
        self._begun = threading.Semaphore(0)
        self._pool = ThreadPoolExecutor(len(users))
        self._all = [self._pool.submit(self._read, server, user) for user in users]
        for _ in users:
            assert self._begun.acquire(timeout=20)

    def join(self) -> None:
        """Wait for all to end."""
        for each in self._all:
            each.result(30)
        self._pool.shutdown()

    def _read(self, server: Server, user: str) -> None:
        body, begun = b"", False
        try:
            with httpx.stream("POST", f"{server.url}/v1/chat/completions", json=request(user), timeout=30) as answer:
                self.ids[user] = answer.headers["x-fairgate-decision"]
                for block in answer.iter_raw():
                    body += block
                    if not begun and body.count(b"data: ") >= 3:
                        begun = True
                        self._begun.release()
        except httpx.TransportError as error:
            self.broken[user] = type(error).__name__
        self.bodies[user] = body


def test_all_workers_serve_and_any_of_them_counts_for_all(served: Server) -> None:
    before = served.sample("fairgate_requests_total")
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda n: ask(served, f"clean-{n}"), range(24)))
    assert {contents(answer.content) for answer in answers} == {CLEAN}
    assert len({answer.headers["x-fairgate-decision"] for answer in answers}) == 24
    assert all(eventually(lambda: served.sample("fairgate_requests_total") - before == 24) for _ in range(8))
    assert "chains" in served.fairgate("ledger", "verify", "--ledger", f"sqlite:///{served.folder}/ledger.db")


def test_a_work_is_learnt_and_forgotten_again_in_every_worker_within_seconds(served: Server) -> None:
    def in_force() -> bool:
        revision = served.store.snapshot().revision
        return eventually(lambda: in_all(served, lambda: served.check(CLEAN)["index"] == revision), 10)

    list(served.store.add([(Work(id="new", title="New"), NEW)]))
    assert in_force()
    assert in_all(served, lambda: len(served.check(NEW)["matches"]) > 0)
    served.store.remove(["new"])
    assert in_force()
    assert in_all(served, lambda: served.check(NEW)["matches"] == [])
    assert sum("took over index" in line for line in served.said) == 4
    assert served.sample("fairgate_index_works") == 1


def test_a_policy_is_taken_over_by_every_worker_and_a_broken_one_is_not(served: Server) -> None:
    label = served.check(CLEAN)["policy"]
    (served.folder / "house.yaml").write_text("name: house\nlimits: {text: {words: forty}}\n", encoding="utf-8")
    assert eventually(lambda: served.sample('fairgate_reloads_total{result="failed",what="policy"}') == 2, 10)
    assert in_all(served, lambda: served.check(CLEAN)["policy"] == label)
    kept = [line for line in served.said if "the old policy stays in force" in line]
    assert len(kept) == 2
    assert all("house.yaml:2: limits.text.words" in line for line in kept)
    served.policy(words=30)
    assert eventually(lambda: in_all(served, lambda: served.check(CLEAN)["policy"] != label), 10)
    served.policy(words=40)
    assert eventually(lambda: in_all(served, lambda: served.check(CLEAN)["policy"] == label), 10)


def test_streams_that_run_keep_what_they_began_with(served: Server) -> None:
    before = served.store.snapshot().revision
    label = served.check(CLEAN)["policy"]
    running = Open(served, ["slow-1", "slow-2", "slow-3", "slow-4"])
    list(served.store.add([(Work(id="other", title="Other"), prose(200, seed=13))]))
    served.policy(words=25)
    assert eventually(lambda: in_all(served, lambda: served.check(CLEAN)["policy"] != label), 10)
    running.join()
    assert {contents(body) for body in running.bodies.values()} == {LONG}
    said = [served.decision(each) for each in running.ids.values()]
    assert {(each["index"], each["policy"]) for each in said} == {(before, label)}
    served.store.remove(["other"])
    served.policy(words=40)
    assert eventually(lambda: in_all(served, lambda: served.check(CLEAN)["policy"] == label), 10)


def test_asked_by_signal_they_reload_at_once(served: Server) -> None:
    said = len(served.said)
    served.process.send_signal(signal.SIGHUP)
    assert eventually(lambda: sum("asked to reload: nothing has changed" in line for line in served.said[said:]) == 2)


@pytest.mark.slow
def test_a_killed_worker_is_replaced_while_the_others_go_on(tmp_path: Path, upstream: Upstream) -> None:
    with started(tmp_path, prepare(tmp_path, upstream.url, 2)) as server:
        running = Open(server, [f"slow-{n}" for n in range(12)])
        time.sleep(2.5)  # long enough to be in the ledger
        victim = server.workers[0]
        os.kill(victim, signal.SIGKILL)
        assert ask(server, "clean").status_code == 200
        running.join()
        whole = [user for user, body in running.bodies.items() if b"[DONE]" in body]
        assert 0 < len(whole) < 12
        assert set(running.bodies) - set(whole) == set(running.broken)
        assert eventually(lambda: len(server.workers) == 2 and victim not in server.workers, 20)
        line = rf"worker \d \(process {victim}\) was ended by SIGKILL; another starts in 0.5 seconds"
        assert sum(re.search(line, each) is not None for each in server.said) == 1
        assert eventually(lambda: server.sample("fairgate_streams_in_flight") == 0, 10)
        said = {user: server.decision(each)["outcome"] for user, each in running.ids.items()}
        assert {user for user, outcome in said.items() if outcome is None} == set(running.broken)
        assert "as written" in server.fairgate("ledger", "verify", "--ledger", f"sqlite:///{tmp_path}/ledger.db")


@pytest.mark.slow
def test_a_replaced_worker_does_not_know_a_key_that_was_taken_away(tmp_path: Path, upstream: Upstream) -> None:
    def tenants(*keys: str) -> str:
        return f"tenants: [{{name: one, keys: [{', '.join(sha256(key.encode()).hexdigest() for key in keys)}]}}]\n"

    def status(key: str) -> int:
        body = {"content": CLEAN}
        return httpx.post(f"{server.url}/v1/fairgate/check", json=body, headers={"api-key": key}).status_code

    def answers(key: str) -> int | None:
        """The status; None while nobody listens."""
        try:
            return status(key)
        except httpx.TransportError:
            return None

    with started(tmp_path, prepare(tmp_path, upstream.url, 2, tenants("kept", "taken"))) as server:
        assert status("taken") == 200
        file = tmp_path / "fairgate.yaml"
        file.write_text(file.read_text().replace(tenants("kept", "taken"), tenants("kept")))
        assert eventually(lambda: in_all(server, lambda: status("taken") == 401), 10)
        for worker in server.workers:
            os.kill(worker, signal.SIGKILL)
        assert eventually(lambda: answers("taken") is not None, 40)
        assert answers("taken") in (401, None)
        until = time.monotonic() + 1
        while time.monotonic() < until:
            assert answers("taken") in (401, None)
        assert status("kept") == 200


def test_what_runs_may_finish_and_what_does_not_is_ended_in_words(tmp_path: Path, upstream: Upstream) -> None:
    more = f"limits: {{drain: 6s}}\nmetrics: {{port: {free_port()}}}\n"
    with started(tmp_path, prepare(tmp_path, upstream.url, 2, more)) as server:
        running = Open(server, ["slow-1", "slow-2", "endless-1", "endless-2"])
        server.process.terminate()
        assert eventually(lambda: httpx.get(f"{server.url}/readyz").status_code == 503)
        refusal = ask(server, "clean")
        assert (refusal.status_code, refusal.json()["error"]["code"]) == (503, "stopping")
        assert refusal.headers["retry-after"] == "1"
        running.join()
        assert server.process.wait(30) == 0
        assert running.broken == {}
        for user, body in running.bodies.items():
            if user.startswith("slow"):
                assert contents(body) == LONG
                assert b"[DONE]" in body
            else:
                assert contents(body) == CLEAN
                assert body.rstrip().endswith(b'"code":"stopping"}}')
        assert server.workers == []
    with started(tmp_path, server_port(server)) as again:
        ends = {user: again.decision(each) for user, each in running.ids.items()}
        assert {user: end["outcome"] for user, end in ends.items() if user.startswith("slow")} == dict.fromkeys(
            ("slow-1", "slow-2"), "completed"
        )
        assert {(end["outcome"], end["detail"]) for user, end in ends.items() if user.startswith("endless")} == {
            ("failed", "the server stopped before the answer was complete")
        }


def server_port(server: Server) -> int:
    return int(server.url.rpartition(":")[2])


def test_asked_twice_it_does_not_wait(tmp_path: Path, upstream: Upstream) -> None:
    with started(tmp_path, prepare(tmp_path, upstream.url, 2)) as server:
        running = Open(server, ["endless-1"])
        server.process.send_signal(signal.SIGINT)
        assert eventually(lambda: httpx.get(f"{server.url}/readyz").status_code == 503)
        server.process.send_signal(signal.SIGINT)
        running.join()
        assert b'"code":"stopping"' in running.bodies["endless-1"]
        assert server.process.wait(15) == 0


def test_a_server_that_cannot_start_ends_with_one_line_and_its_code(tmp_path: Path, upstream: Upstream) -> None:
    port = prepare(tmp_path, upstream.url, 3)
    (tmp_path / "index" / "manifest.json").unlink()
    with pytest.raises(AssertionError, match="there is no index"), started(tmp_path, port):
        pass
    assert len((tmp_path / "serve.log").read_text(encoding="utf-8").splitlines()) == 1


def test_workers_end_with_the_process_that_looks_after_them(tmp_path: Path, upstream: Upstream) -> None:
    with started(tmp_path, prepare(tmp_path, upstream.url, 2)) as server:
        orphans = server.workers
        assert len(orphans) == 2
        server.process.kill()
        assert eventually(lambda: not any(alive(pid) for pid in orphans), 15)


def test_metrics_have_a_port_of_their_own_if_it_is_asked_for(tmp_path: Path, upstream: Upstream) -> None:
    aside = free_port()
    with started(tmp_path, prepare(tmp_path, upstream.url, 1, f"metrics: {{port: {aside}}}\n")) as server:
        assert "fairgate_requests_total" in httpx.get(f"http://127.0.0.1:{aside}/metrics").text
        assert httpx.get(f"http://127.0.0.1:{aside}/readyz").json()["status"] == "ready"
        for path in ("/v1/models", "/console", "/v1/fairgate/decisions"):
            assert httpx.get(f"http://127.0.0.1:{aside}{path}").status_code == 404
        refused = httpx.get(f"{server.url}/metrics")
        assert refused.status_code == 404
        assert refused.json()["error"] == {
            "message": f"metrics are not served here but on port {aside}",
            "type": "invalid_request_error", "param": None, "code": None,
        }  # fmt: skip
        assert f"metrics are at http://127.0.0.1:{aside}/metrics" in server.said


def test_metrics_add_up_in_the_folder_that_the_environment_names(tmp_path: Path, upstream: Upstream) -> None:
    shared = tmp_path / "metrics"
    shared.mkdir()
    for name in ("counter_4194304.db", "gauge_livesum_4194304.db"):  # no process has this number
        (shared / name).write_bytes(b"left by a process that died")
    with started(tmp_path, prepare(tmp_path, upstream.url, 2), PROMETHEUS_MULTIPROC_DIR=str(shared)) as server:
        ask(server, "copy")
        assert server.sample("fairgate_decisions_total") == 1
        assert {int(file.stem.rpartition("_")[2]) for file in shared.iterdir()} == set(server.workers)
