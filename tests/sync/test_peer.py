from sync.peer import ONLINE_S, Peer


def test_nobody_is_there_at_first():
    assert not Peer().online(0.0)


def test_an_ack_proves_presence_for_180_seconds():
    peer = Peer()
    peer.answered(100.0)
    assert peer.online(100.0 + ONLINE_S - 0.1)
    assert not peer.online(100.0 + ONLINE_S)


def test_any_workers_word_counts_and_its_farewell_ends_only_its_own():
    peer = Peer()
    peer.hint("one", 0.0, online=True)
    peer.hint("two", 10.0, online=True)
    peer.hint("one", 20.0, online=False)
    assert peer.online(ONLINE_S + 5)
    peer.hint("two", 30.0, online=False)
    assert not peer.online(40.0)


def test_a_workers_farewell_does_not_unsay_an_ack():
    peer = Peer()
    peer.answered(0.0)
    peer.hint("one", 1.0, online=False)
    assert peer.online(2.0)
