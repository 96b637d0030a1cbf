"""What the sender's mind decides, sentence by sentence of docs/link.md, "Sending"."""

import random

import pytest

from sync.batch import chain_start
from sync.lanes import FIRST_ACK_WAIT_S, LOG_IN_FLIGHT, OVERDUE_S, PROBE_EVERY_S, URGENT_IN_FLIGHT, Outbox
from sync.peer import ONLINE_S
from sync.receiver import Ack, Rejected
from sync.source import Kept
from sync.verdict import Accepted, Close, Ignored, Plan, Rehash, Suspect

JOURNAL = "018f0000-0000-7000-8000-000000000001"
KEY = b"k" * 16
ANY = b"c" * 32
FOREVER = float("inf")


def outbox(head=0, *, urgent=(), oldest=1, cursor=0, withheld=()):
    kept = Kept(journal=JOURNAL, oldest=oldest, head=head, cursor=cursor, withheld=withheld)
    return Outbox(kept, urgent, key_id=KEY, rng=random.Random(1))


def ack(*stored, rev=1, session="s", journal=JOURNAL, chain=ANY, rejected=None):
    chain = chain if stored else chain_start(journal)
    return Ack(journal=journal, session=session, rev=rev, stored=stored, gone=(), chain=chain, rejected=rejected)


def answered(box, *stored, now=0.0, **fields):
    return box.acked(ack(*stored, **fields), own_chain=None, now=now)


def streaming(head, **fields):
    box = outbox(head, **fields)
    box.session_began("s", 0.0)
    answered(box)
    return box


def send(box, now, *, size=500, count=None):
    plan = box.next(now)
    assert isinstance(plan, Plan), f"nothing to send for {plan} s"
    last = plan.first + (plan.count if count is None else min(count, plan.count)) - 1
    box.sent(plan, last=last, size=size, now=now)
    return plan.lane, plan.first, last


def test_nothing_is_sent_without_a_session():
    assert outbox(5, urgent=(2,)).next(0.0) == FOREVER


def test_an_urgent_event_goes_first_and_waits_for_no_ack():
    box = outbox(5, urgent=(4,))
    box.session_began("s", 0.0)
    assert send(box, 0.0) == ("urgent", 4, 4)


def test_the_log_lane_waits_for_the_sessions_first_ack_and_then_probes_with_one_event():
    box = outbox(5)
    box.session_began("s", 0.0)
    assert box.next(0.0) == FIRST_ACK_WAIT_S
    assert send(box, FIRST_ACK_WAIT_S) == ("log", 1, 1)
    assert box.next(FIRST_ACK_WAIT_S) == PROBE_EVERY_S


def test_after_the_first_ack_the_log_lane_sends_all_it_keeps_in_order():
    box = streaming(5)
    assert send(box, 0.0) == ("log", 1, 5)
    assert answered(box, (1, 5), rev=2) == Accepted(0, 5)
    assert box.next(0.1) == FOREVER
    assert box.waiting == 0


def test_the_window_holds_wire_bytes_and_is_full_at_four_kibibytes_at_first():
    box = streaming(1000)
    send(box, 0.0, size=3500, count=10)
    wait = box.next(0.0)
    assert not isinstance(wait, Plan), "a quarter of the window is not worth a batch"
    assert answered(box, (1, 10), rev=2, now=0.01) == Accepted(0, 10)
    assert send(box, 0.01)[:2] == ("log", 11)


def test_never_more_batches_are_under_way_than_the_mqtt_client_has_slots():
    box = streaming(10_000)
    for _ in range(LOG_IN_FLIGHT):
        send(box, 0.0, size=1, count=1)
    assert not isinstance(box.next(0.0), Plan)


def test_never_more_urgent_events_are_under_way_than_there_are_slots():
    box = outbox(20, urgent=range(1, 21))
    box.session_began("s", 0.0)
    sent = [send(box, 0.0)[1] for _ in range(URGENT_IN_FLIGHT)]
    assert sent == list(range(1, URGENT_IN_FLIGHT + 1))
    assert not isinstance(box.next(0.0), Plan)


def test_an_unanswered_urgent_event_goes_again_after_a_second_and_a_half_and_never_later_than_ten():
    box = outbox(1, urgent=(1,))
    box.session_began("s", 0.0)
    now, waits = 0.0, []
    for _ in range(8):
        send(box, now)
        wait = box.next(now)
        waits.append(wait)
        now += wait
    assert waits[0] == 1.5
    assert all(0 < wait <= 10.0 for wait in waits)


def test_an_unanswered_batch_goes_again_from_the_cursor_after_two_seconds_and_never_later_than_sixty():
    box = streaming(5)
    now, waits = 0.0, []
    for _ in range(9):
        box.peer.answered(now)
        assert send(box, now) == ("log", 1, 5)
        wait = box.next(now)
        assert not isinstance(wait, Plan)
        waits.append(wait)
        now += wait
    assert waits[0] == 2.0
    assert all(0 < wait <= 60.0 for wait in waits)


def test_a_cursor_that_moves_resets_the_back_off():
    box = streaming(20)
    send(box, 0.0, count=5)
    send(box, 2.0, count=5)
    answered(box, (1, 5), rev=2, now=3.0)
    send(box, 3.0, count=5)
    assert box.next(3.0) == 2.0 or isinstance(box.next(3.0), Plan)


def test_while_headquarters_seems_away_the_log_lane_probes_and_what_is_urgent_goes_on():
    box = streaming(5)
    away = ONLINE_S + 1
    assert send(box, away) == ("log", 1, 1)
    assert not isinstance(box.next(away), Plan)
    box.appended(6, urgent=True)
    assert send(box, away) == ("urgent", 6, 6)


def test_when_headquarters_is_back_everything_unanswered_goes_at_once():
    box = outbox(1, urgent=(1,))
    box.session_began("s", 0.0)
    send(box, 0.0)
    box.hint("one", 1.0, online=True)
    assert send(box, 1.0) == ("urgent", 1, 1)


def test_a_hint_that_a_worker_is_gone_ends_only_that_workers_word():
    box = streaming(0)
    late = ONLINE_S + 1
    box.hint("one", late, online=True)
    box.hint("two", late, online=True)
    box.hint("two", late, online=False)
    assert box.peer.online(late)
    box.hint("one", late, online=False)
    assert not box.peer.online(late)


def test_what_the_urgent_lane_has_in_hand_is_not_sent_twice_at_first():
    box = streaming(0)
    box.appended(1, urgent=True)
    assert send(box, 0.0) == ("urgent", 1, 1)
    assert not isinstance(box.next(0.0), Plan)
    assert [send(box, 1.5), send(box, 1.5)] == [("urgent", 1, 1), ("log", 1, 1)], "it belongs to the whole journal"


def test_numbers_acknowledged_out_of_order_are_skipped():
    box = streaming(6)
    answered(box, (1, 2), (4, 5), rev=2)
    assert [box.holds(number) for number in range(1, 7)] == [True, True, False, True, True, False]
    assert box.waiting == 2
    assert send(box, 0.0, count=1) == ("log", 3, 3)
    assert send(box, 0.0, count=1) == ("log", 6, 6)


def test_a_first_range_that_does_not_begin_at_one_leaves_the_cursor_at_zero():
    box = streaming(6)
    assert answered(box, (3, 5), rev=2) == Accepted(0, 0)
    assert box.cursor == 0


def test_an_accepted_ack_moves_the_cursor_back_too_and_urgent_events_go_again():
    box = streaming(6, urgent=(2,))
    answered(box, (1, 6), rev=5)
    assert answered(box, (1, 1), rev=6) == Accepted(6, 1)
    assert send(box, 0.0) == ("urgent", 2, 2)
    assert send(box, 1.5)[0] == "urgent"


@pytest.mark.parametrize(
    "stale",
    [
        {"session": "another"},
        {"journal": "018f0000-0000-7000-8000-000000000002"},
        {"rev": 4},
    ],
)
def test_an_ack_of_another_session_or_journal_or_an_older_one_is_ignored(stale):
    box = streaming(6)
    answered(box, (1, 6), rev=5)
    assert answered(box, (1, 2), **({"rev": 5} | stale)) == Ignored()
    assert box.cursor == 6


def test_an_ack_with_an_equal_rev_is_accepted():
    box = streaming(6)
    answered(box, (1, 3), rev=5)
    assert answered(box, (1, 3), rev=5) == Accepted(3, 3)


def test_an_ack_that_ends_beyond_the_head_closes_the_journal_at_the_cursor():
    box = streaming(6)
    answered(box, (1, 3), rev=5)
    assert answered(box, (1, 7), rev=6) == Close("ahead", 3)


def test_an_ack_that_disagrees_with_our_chain_closes_the_journal():
    box = streaming(6)
    answered(box, (1, 3), rev=5)
    disagreeing = ack((1, 5), rev=6, chain=b"x" * 32)
    assert box.acked(disagreeing, own_chain=ANY, now=0.0) == Close("disagrees", 3)
    behind = ack((1, 2), rev=7, chain=b"x" * 32)
    assert box.acked(behind, own_chain=ANY, now=0.0) == Close("disagrees", 0)


def test_an_end_below_what_is_kept_cannot_be_compared_and_sending_goes_on_at_the_oldest():
    box = streaming(20, oldest=10, cursor=9)
    assert box.acked(ack((1, 4), rev=2), own_chain=None, now=0.0) == Accepted(0, 4)
    assert send(box, 0.0)[1] == 10


def rejected(reason, first=1, count=1, **fields):
    return Rejected(reason=reason, first=first, count=count, **fields)


def test_a_malformed_batch_is_halved_until_it_is_one_event():
    box = streaming(8)
    now, sizes = 0.0, []
    for rev in range(2, 6):
        _, first, last = send(box, now)
        sizes.append(last - first + 1)
        verdict = answered(box, rev=rev, now=now, rejected=rejected("malformed", 1, last - first + 1))
        if isinstance(verdict, Suspect):
            break
        now += 2.0
    assert sizes == [8, 4, 2, 1]
    assert verdict == Suspect(1, None)


def test_no_batch_spans_a_withheld_number():
    box = streaming(9, withheld=(4,))
    assert send(box, 0.0) == ("log", 1, 3)
    assert send(box, 0.0) == ("log", 5, 9)


def test_our_key_refused_makes_the_log_lane_probe_and_anothers_counts_for_nothing():
    box = streaming(5)
    answered(box, rev=2, rejected=rejected("unknown-key", signer=b"o" * 16))
    assert not box.key_refused
    answered(box, rev=3, rejected=rejected("unknown-key", signer=KEY))
    assert box.key_refused
    assert box.next(0.0) == PROBE_EVERY_S
    answered(box, (1, 1), rev=4, now=60.0)
    assert not box.key_refused


def test_a_damaged_signature_changes_nothing_but_that_the_batch_goes_again():
    box = streaming(5)
    send(box, 0.0)
    assert answered(box, rev=2, rejected=rejected("signature", 1, 5)) == Accepted(0, 0)
    assert box.next(0.0) == 2.0
    assert send(box, 2.0) == ("log", 1, 5)


def test_a_wrong_chain_asks_for_a_look_at_our_own_lines_and_a_fork_closes():
    box = streaming(5)
    answered(box, (1, 2), rev=2)
    assert answered(box, (1, 2), rev=3, rejected=rejected("chain", 3, 3)) == Rehash(2)
    assert answered(box, (1, 2), rev=4, rejected=rejected("fork", 3, 3)) == Close("fork", 2)


def test_a_birth_or_an_event_unanswered_for_a_minute_while_headquarters_is_online_asks_for_a_new_session():
    box = outbox(1, urgent=(1,))
    box.session_began("s", 0.0)
    assert not box.overdue(OVERDUE_S), "headquarters is not known to be online"
    box.hint("one", 1.0, online=True)
    assert not box.overdue(OVERDUE_S - 1)
    assert box.overdue(OVERDUE_S)
    answered(box, now=OVERDUE_S)
    assert not box.overdue(OVERDUE_S)
    send(box, OVERDUE_S)
    assert box.overdue(2 * OVERDUE_S)


def test_a_suspected_takeover_holds_the_log_lane_and_nothing_urgent():
    box = streaming(5)
    box.hold_log(180.0)
    assert box.next(0.0) == 180.0
    box.appended(6, urgent=True)
    assert send(box, 0.0) == ("urgent", 6, 6)


def test_work_begun_under_an_older_session_is_not_counted():
    box = streaming(5)
    plan = box.next(0.0)
    box.session_began("t", 0.0)
    box.sent(plan, last=5, size=500, now=0.0)
    box.acked(ack(session="t"), own_chain=None, now=0.0)
    assert send(box, 0.0) == ("log", 1, 5)


def test_only_the_session_that_goes_on_counts():
    box = streaming(1)
    assert box.in_session("s")
    assert not box.in_session("another")
    box.session_ended()
    assert not box.in_session("s")
