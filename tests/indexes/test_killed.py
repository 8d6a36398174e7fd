import pytest

from indexes.store import Store
from tests.support.killing import kill_again_and_again, look
from tests.support.mortal import make


@pytest.mark.slow
def test_killed_sixty_times_while_it_writes_an_index_loses_nothing(tmp_path):
    killed = kill_again_and_again(tmp_path / "index", 60)
    assert killed.lost == []
    assert killed.rounds == 60
    assert min(killed.within[what] for what in ("add", "remove", "compact")) >= 1
    assert min(killed.done[what] for what in ("add", "remove", "compact")) >= 5


def test_what_is_lost_is_seen(tmp_path):
    from tests.support.killing import Killed

    store = Store(tmp_path)
    held = {"a": 1, "b": 2}
    make(store, {"what": "add", "works": held})
    assert look(tmp_path, [held], killed := Killed(), "here") == held
    assert killed.lost == []
    for allowed, line in (
        ({"a": 1}, "a"),
        ({"a": 1, "b": 2, "c": 3}, "should be"),
        ({"a": 1, "b": 3}, "should be"),
    ):
        look(tmp_path, [allowed], killed := Killed(), "here")
        assert line in killed.lost[0]
    path = next((tmp_path / "segments").glob("*/texts.zst"))
    path.write_bytes(path.read_bytes()[:-1])
    assert look(tmp_path, [held], killed := Killed(), "here") == {}
    assert "texts.zst` has" in killed.lost[0]
