"""What is remembered is bounded, whoever asks, and counts for the same kind of database alone."""

from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

from storage.compiled import SHARED
from storage.remembered import Remembered


def test_what_was_asked_for_longest_ago_is_forgotten_first() -> None:
    kept = Remembered[int](2)
    kept["one"], kept["two"] = 1, 2
    assert kept.get("one") == 1
    kept["three"] = 3
    assert [kept.get(name) for name in ("one", "two", "three")] == [1, None, 3]
    assert len(kept) == 2
    kept.clear()
    assert kept.get("one") is None


def test_many_threads_find_only_what_was_put_there() -> None:
    kept = Remembered[int](50)

    def ask(start: int) -> bool:
        for number in (n % 200 for n in range(start, start + 3000)):
            kept[number] = number
            if kept.get(number - 1) not in (None, number - 1):
                return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(ask, range(0, 160, 20)))
    assert len(kept) == 50


def test_compiled_statements_are_kept_apart_by_kind_and_version_of_the_server() -> None:
    def dialect(name: str, version: tuple[int, ...]) -> SimpleNamespace:
        return SimpleNamespace(name=name, driver="d", server_version_info=version)

    cache, rest = SHARED["compiled_cache"], ("a test's own key", (), False, False)
    cache[(dialect("one", (16, 1)), *rest)] = "compiled"
    assert cache.get((dialect("one", (16, 1)), *rest)) == "compiled"
    assert cache.get((dialect("one", (17, 0)), *rest)) is None
    assert cache.get((dialect("two", (16, 1)), *rest)) is None
    assert cache.get((dialect("one", (16, 1)), "another", *rest[1:])) is None
