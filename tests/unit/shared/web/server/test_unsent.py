from shared.web.server.unsent import UnsentAnswers

PAGE = 4_000_000


class Reader:
    def __init__(self, unsent: int = PAGE) -> None:
        self.unsent = unsent
        self.is_cut = False

    def unsent_bytes(self) -> int:
        return self.unsent

    def cut(self) -> None:
        self.is_cut = True


def full(*readers: Reader) -> UnsentAnswers:
    """Two pages fit."""
    unsent = UnsentAnswers(2 * PAGE, timeout_seconds=20)
    for reader in readers:
        unsent.add(reader, PAGE, now=0)
    return unsent


def test_an_answer_counts_in_full_until_its_last_byte_is_sent() -> None:
    reader = Reader(unsent=1)
    unsent = full(reader)
    assert unsent.held_bytes == PAGE
    assert unsent.room_for(PAGE, now=0)
    unsent.add(reader, PAGE, now=1)
    assert unsent.held_bytes == PAGE
    unsent.discard(reader)
    unsent.discard(reader)
    assert unsent.held_bytes == 0


def test_an_answer_larger_than_the_bound_is_sent_while_nothing_waits() -> None:
    unsent = full()
    assert unsent.room_for(3 * PAGE, now=0)


def test_without_room_readers_that_crawl_are_cut_and_others_are_not() -> None:
    idle, slow, quick = Reader(), Reader(), Reader()
    unsent = full(idle, slow, quick)
    slow.unsent -= 300_000
    quick.unsent -= 400_000
    assert not unsent.room_for(PAGE, now=4.9)
    assert not idle.is_cut
    assert not unsent.room_for(PAGE, now=5)
    assert (idle.is_cut, slow.is_cut, quick.is_cut) == (True, True, False)


def test_what_a_cut_reader_holds_counts_until_its_connection_is_gone() -> None:
    idle, other = Reader(), Reader()
    unsent = full(idle, other)
    other.unsent = 0
    assert not unsent.room_for(1, now=6)
    idle.is_cut = False
    assert not unsent.room_for(1, now=7)
    assert not idle.is_cut  # not twice
    unsent.discard(idle)
    assert unsent.room_for(1, now=7)


def test_a_reader_is_cut_once_it_took_nothing_for_the_time_allowed() -> None:
    reader = Reader()
    unsent = full(reader)
    reader.unsent -= 1
    unsent.cut_stalled(now=15)
    unsent.cut_stalled(now=34.9)
    assert not reader.is_cut
    unsent.cut_stalled(now=35)
    assert reader.is_cut
