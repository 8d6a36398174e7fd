"""Taking over what changed on disk: when, what of it, and what is left in force when it is broken."""

import gc
import hashlib
import logging
import weakref
from pathlib import Path

import pytest

from indexes.model import Work
from indexes.state import MANIFEST
from indexes.store import Store
from indexes.text.index import SegmentIndex
from proxy.auth import Doorkeeper, UnauthorizedError
from proxy.metrics import Metrics
from proxy.reload import ConfigSource, IndexSource, PolicySource, Reloader
from proxy.settings import Settings, load
from proxy.world import World
from tests.support.bench import prose

FIRST, SECOND = prose(300, seed=21), prose(300, seed=22)
KEY = "fg-one"
TENANT = f"tenants:\n  - {{name: one, keys: [{hashlib.sha256(KEY.encode()).hexdigest()}]}}\n"
BEARER = {"authorization": f"Bearer {KEY}"}


class Server:
    """A holder of a world, with its files and its reloader, and no server around it."""

    def __init__(self, folder: Path, settings: Settings) -> None:
        self.folder = folder
        self.store = Store(Path(settings.values.index.dir))
        snapshot = self.store.snapshot()
        index = SegmentIndex(snapshot.segments, snapshot.revision)
        self.world = World(index, Doorkeeper(settings.values))
        self.metrics = Metrics()
        sources = [IndexSource(self.store), ConfigSource(settings), PolicySource()]
        self.reloader = Reloader(self, self.metrics, sources, retry=0)

    @property
    def outside(self) -> Store:
        """The index as another process has it open."""
        return Store(self.store.directory)

    def finds(self, text: str, world: World | None = None) -> bool:
        return bool((world or self.world).index.scan(text))

    def label(self) -> str:
        (policy,) = self.world.doorkeeper.policies
        return policy.label

    def count(self, what: str, result: str) -> float:
        return self.metrics.reloads_total.labels(what, result)._value.get()


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> Server:
    monkeypatch.chdir(tmp_path)
    caplog.set_level(logging.INFO, "fairgate")
    list(Store(tmp_path / "fairgate-index").add([(Work(id="first", title="First"), FIRST)]))
    (tmp_path / "house.yaml").write_text("name: house\n", encoding="utf-8")
    (tmp_path / "fairgate.yaml").write_text("policy: house.yaml\n", encoding="utf-8")
    return Server(tmp_path, load())


async def settle(server: Server) -> bool:
    """Look twice, as a second apart: what was written in place has settled then."""
    return bool(await server.reloader.look()) | await server.reloader.look()


async def test_nothing_changed_is_nothing_done(server: Server) -> None:
    world = server.world
    assert not await settle(server)
    assert not await server.reloader.look(at_once=True)
    assert server.world is world


async def test_a_work_that_is_added_is_found_from_then_on_and_not_by_what_began_before(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    before = server.world
    list(server.outside.add([(Work(id="second", title="Second"), SECOND)]))
    assert await server.reloader.look()
    assert server.finds(SECOND)
    assert not server.finds(SECOND, before)
    assert server.finds(FIRST)
    revision = server.store.state().revision
    assert server.world.index.revision == revision != before.index.revision
    assert caplog.messages == [f"took over index {revision}, 2 works (was {before.index.revision})"]
    assert server.count("index", "changed") == 1


async def test_a_work_that_is_removed_is_forgotten(server: Server) -> None:
    list(server.outside.add([(Work(id="second", title="Second"), SECOND)]))
    server.outside.remove(["first"])
    await server.reloader.look()
    assert not server.finds(FIRST)
    assert server.finds(SECOND)


@pytest.mark.parametrize("broken", ["manifest", "segment", "empty", "gone"])
async def test_a_broken_index_leaves_the_old_one_in_force_says_so_once_and_may_be_mended(
    server: Server, broken: str, caplog: pytest.LogCaptureFixture
) -> None:
    world, store = server.world, server.outside
    list(store.add([(Work(id="second", title="Second"), SECOND)]))
    manifest = store.directory / MANIFEST
    whole = manifest.read_bytes()
    added = store.snapshot().segments[-1].name
    arrays = max((store.directory / "segments" / added).iterdir(), key=lambda file: file.stat().st_size)
    sound = arrays.read_bytes()
    match broken:
        case "manifest":
            manifest.write_bytes(whole[: len(whole) // 2])
        case "segment":
            arrays.write_bytes(sound[:40] + bytes([sound[40] ^ 1]) + sound[41:])
        case "empty":
            store.remove(["first", "second"])
        case _:
            manifest.unlink()
    for _ in range(3):
        await server.reloader.look()
    assert server.world is world
    assert server.finds(FIRST)
    assert server.count("index", "failed") == 3  # each try counts: it grows while the broken one stands
    assert len(caplog.messages) == 1
    assert caplog.messages[0].startswith("the old index stays in force: ")
    await server.reloader.look(at_once=True)
    assert caplog.messages[1:] == caplog.messages[:1]  # whoever asks is answered
    assert server.world is world
    if broken == "empty":
        list(store.add([(Work(id="second", title="Second"), SECOND)]))
    else:
        arrays.write_bytes(sound)
        manifest.write_bytes(whole)
    await server.reloader.look()
    assert server.finds(SECOND)
    tries = server.count("index", "failed")
    await server.reloader.look()
    assert server.count("index", "failed") == tries == 4


async def test_a_policy_is_taken_over_once_its_file_has_settled(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    before, file = server.label(), server.folder / "house.yaml"
    file.write_text("name: house\nmode: enf", encoding="utf-8")  # half written: an editor is at it
    await server.reloader.look()
    file.write_text("name: house\nmode: monitor\n", encoding="utf-8")
    await server.reloader.look()
    assert server.label() == before
    assert await server.reloader.look()
    assert server.label() != before
    assert caplog.messages == [f"took over policy {server.label()} (was {before})"]
    assert (server.count("policy", "changed"), server.count("policy", "failed")) == (1, 0)


async def test_asked_at_once_it_does_not_wait_for_a_file_to_settle(server: Server) -> None:
    before = server.label()
    (server.folder / "house.yaml").write_text("name: house\nmode: monitor\n", encoding="utf-8")
    assert await server.reloader.look(at_once=True)
    assert server.label() != before


@pytest.mark.parametrize("text", ["name: house\nlimts: {}\n", "name: [\n", None])
async def test_a_broken_policy_leaves_the_old_one_in_force(
    server: Server, text: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    await settle(server)
    world, file = server.world, server.folder / "house.yaml"
    file.unlink() if text is None else file.write_text(text, encoding="utf-8")
    await settle(server)
    await settle(server)
    assert server.world is world
    assert server.count("policy", "failed") == 3
    assert len(caplog.messages) == 1
    assert "house.yaml" in caplog.messages[0]


async def test_a_comment_changes_no_policy(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    world = server.world
    (server.folder / "house.yaml").write_text("# ours\nname: house\n", encoding="utf-8")
    await settle(server)
    assert server.world is world
    assert caplog.messages == []


async def test_a_tenant_comes_and_its_key_goes_while_it_serves(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    file = server.folder / "fairgate.yaml"
    file.write_text(f"policy: house.yaml\n{TENANT}", encoding="utf-8")
    await settle(server)
    assert server.world.doorkeeper.caller(BEARER).name == "one"
    other = hashlib.sha256(b"fg-two").hexdigest()
    file.write_text(f"policy: house.yaml\ntenants:\n  - {{name: one, keys: [{other}]}}\n", encoding="utf-8")
    await settle(server)
    with pytest.raises(UnauthorizedError):
        server.world.doorkeeper.caller(BEARER)
    assert caplog.messages == ["took over fairgate.yaml: tenants"] * 2
    server.metrics.request("/v1/chat/completions", "one", stream=True, outcome="completed")
    assert 'tenant="one"' in server.metrics.exposition()[0].decode()


async def test_what_changes_while_a_server_starts_is_taken_over_too(server: Server) -> None:
    read_before = load()
    (server.folder / "fairgate.yaml").write_text(f"policy: house.yaml\n{TENANT}", encoding="utf-8")
    late = Server(server.folder, read_before)
    assert not late.world.doorkeeper.caller({}).by_key
    assert await settle(late)
    with pytest.raises(UnauthorizedError):
        late.world.doorkeeper.caller({})


async def test_a_policy_that_a_changed_configuration_names_is_watched_too(server: Server) -> None:
    (server.folder / "other.yaml").write_text("name: other\n", encoding="utf-8")
    (server.folder / "fairgate.yaml").write_text("policy: other.yaml\n", encoding="utf-8")
    await settle(server)
    named = server.label()
    assert named.startswith("other@")
    (server.folder / "other.yaml").write_text("name: other\nmode: monitor\n", encoding="utf-8")
    await settle(server)
    assert server.label() != named


async def test_other_keys_wait_for_a_restart_and_a_line_says_which(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    world = server.world
    (server.folder / "fairgate.yaml").write_text("policy: house.yaml\nlimits: {streams: 7}\n", encoding="utf-8")
    await settle(server)
    assert server.world is world
    assert caplog.messages == ["fairgate.yaml: a restart takes over what changed in limits"]


async def test_what_was_broken_and_is_put_back_as_it_was_is_refused_no_longer(server: Server) -> None:
    world, file = server.world, server.folder / "house.yaml"
    sound = file.read_text(encoding="utf-8")
    file.write_text("name: [", encoding="utf-8")
    await settle(server)
    file.write_text(sound, encoding="utf-8")
    await settle(server)
    tries = server.count("policy", "failed")
    await settle(server)
    assert server.world is world
    assert server.count("policy", "failed") == tries >= 1


async def test_whose_answers_private_works_are_judged_in_is_taken_over_with_nothing_else_of_the_index(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    list(server.outside.add([(Work(id="secret", title="Secret", private_to=("two",)), SECOND)]))
    file = server.folder / "fairgate.yaml"
    file.write_text(f"policy: house.yaml\n{TENANT}", encoding="utf-8")
    await settle(server)
    caller = server.world.doorkeeper.caller(BEARER)
    assert not server.world.index_for(caller).scan(SECOND)
    file.write_text(f"policy: house.yaml\nindex: {{private_works: all, dir: elsewhere}}\n{TENANT}", encoding="utf-8")
    await settle(server)
    assert server.world.index_for(caller).scan(SECOND)
    assert caplog.messages[-2:] == [
        "fairgate.yaml: a restart takes over what changed in index",
        "took over fairgate.yaml: index.private_works",
    ]
    file.write_text(f"policy: house.yaml\n{TENANT}", encoding="utf-8")
    await settle(server)
    assert not server.world.index_for(caller).scan(SECOND)


@pytest.mark.parametrize("text", ["polcy: x\n", "policy: nowhere.yaml\n"])
async def test_a_broken_configuration_leaves_the_old_one_in_force(server: Server, text: str) -> None:
    world = server.world
    (server.folder / "fairgate.yaml").write_text(text, encoding="utf-8")
    await settle(server)
    assert server.world is world
    assert server.count("config", "failed") == 1


async def test_a_server_that_is_reached_from_elsewhere_keeps_its_last_keys(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    file = server.folder / "fairgate.yaml"
    file.write_text(f"listen: {{host: 0.0.0.0}}\npolicy: house.yaml\n{TENANT}", encoding="utf-8")
    open_to_all = Server(server.folder, load())
    file.write_text("policy: house.yaml\n", encoding="utf-8")
    await settle(open_to_all)
    with pytest.raises(UnauthorizedError):
        open_to_all.world.doorkeeper.caller({})
    assert "no `tenants` are left" in caplog.messages[-1]


async def test_what_is_no_longer_in_force_is_let_go(server: Server) -> None:
    gc.collect()
    gc.freeze()  # as a server does once it has started: what is in a cycle now is never collected
    gc.disable()
    try:
        gone = []
        for number in range(3):
            gone += [weakref.ref(server.world.index), weakref.ref(server.world.doorkeeper)]
            scanner = server.world.index.scanner("content")
            scanner.step(FIRST)
            del scanner
            list(server.outside.add([(Work(id="second", title="Second"), prose(300, seed=30 + number))]))
            (server.folder / "house.yaml").write_text(f"name: house{number}\n", encoding="utf-8")
            assert await server.reloader.look(at_once=True)
        assert [ref() for ref in gone] == [None] * len(gone)
    finally:
        gc.enable()
        gc.unfreeze()
