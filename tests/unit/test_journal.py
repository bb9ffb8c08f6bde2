"""The journal: order, selection, waiting from any thread, and following one exchange over hops."""

from __future__ import annotations

import threading

import pytest

from ecfleet_mocks.journal import Address, ConnectionOpened, Event, Journal, Note, UpstreamOpened


def note(journal: Journal, text: str, *, service: str = "a", connection: int = 1) -> Note:
    event = Note(journal.now(), service, connection, text)
    journal.record(event)
    return event


def test_events_keep_their_order_and_can_be_selected() -> None:
    ticks = iter([10.0, 10.5, 11.0])
    journal = Journal(lambda: next(ticks))
    first, second = note(journal, "x"), note(journal, "y", service="b", connection=2)
    assert (first.at, second.at) == (0.5, 1.0)
    assert journal.events == (first, second)
    assert len(journal) == 2
    assert journal.of(Note, service="b") == [second]
    assert journal.of(Note, connection=1) == [first]
    assert journal.of(UpstreamOpened) == []


def test_connection_numbers_are_unique_from_one() -> None:
    journal = Journal()
    assert [journal.next_connection() for _ in range(3)] == [1, 2, 3]


def test_subscribers_hear_until_they_leave() -> None:
    journal = Journal()
    heard: list[Event] = []
    leave = journal.subscribe(heard.append)
    first = note(journal, "x")
    leave()
    note(journal, "y")
    assert heard == [first]


def test_wait_for_finds_what_is_there_and_what_comes_from_another_thread() -> None:
    journal = Journal()
    earlier = note(journal, "earlier")
    assert journal.wait_for(Note) is earlier
    thread = threading.Thread(target=note, args=(journal, "later"))
    thread.start()
    assert journal.wait_for(Note, lambda event: event.text == "later").text == "later"
    thread.join()


def test_wait_for_gives_up() -> None:
    with pytest.raises(TimeoutError, match="no Note within 0"):
        Journal().wait_for(Note, timeout=0)


async def test_wait_for_async() -> None:
    journal = Journal()
    thread = threading.Thread(target=note, args=(journal, "later"))
    thread.start()
    assert (await journal.wait_for_async(Note)).text == "later"
    thread.join()
    with pytest.raises(TimeoutError, match="no UpstreamOpened within"):
        await journal.wait_for_async(UpstreamOpened, timeout=0.01)


def test_follow_crosses_the_hops_of_one_exchange_only() -> None:
    journal = Journal()

    def opened(service: str, number: int, peer: Address, port: int) -> None:
        local = Address("127.0.0.1", port)
        journal.record(ConnectionOpened(journal.now(), service, number, peer, local, "tcp"))

    client, other, onward = Address("127.0.0.1", 1001), Address("127.0.0.1", 1002), Address("127.0.0.1", 1003)
    opened("proxy", 1, client, 443)
    opened("proxy", 2, other, 443)
    journal.record(UpstreamOpened(journal.now(), "proxy", 1, onward, Address("127.0.0.1", 80)))
    opened("server", 3, onward, 80)
    # The system may give the same local port to a connection to another service.
    opened("another server", 4, onward, 81)
    note(journal, "of another exchange", connection=2)
    last = note(journal, "at the far end", service="server", connection=3)
    followed = journal.follow(1)
    assert {event.connection for event in followed} == {1, 3}
    assert followed[-1] is last


def test_an_address_prints_as_host_and_port() -> None:
    assert str(Address("127.0.0.1", 3141)) == "127.0.0.1:3141"
    assert str(Address("::1", 3141)) == "[::1]:3141"
