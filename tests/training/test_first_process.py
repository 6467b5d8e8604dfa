"""Work of the first process: the others hear from it while it lasts."""

import threading
import time

import pytest

from fairmot.training import first_process
from fairmot.training.first_process import work_while_others_wait


class Meeting:
    """``Trainer.agree`` of two threads; a process waits ``patience`` seconds for the other."""

    def __init__(self, patience):
        self.barrier = threading.Barrier(2, timeout=patience)
        self.answers = {}
        self.meetings = 0

    def agree_as(self, rank):
        def agree(answer):
            self.answers[rank] = answer
            self.barrier.wait()
            said = any(self.answers.values())
            self.barrier.wait()
            self.meetings += rank == 0
            return said

        return agree


def together(meeting, work, first=work_while_others_wait):
    """Run both processes; return what each raised."""
    raised = [None, None]

    def run(rank, function, *arguments):
        try:
            function(*arguments)
        except Exception as error:
            raised[rank] = error

    threads = [
        threading.Thread(target=run, args=(0, first, work, meeting.agree_as(0))),
        threading.Thread(target=run, args=(1, work_while_others_wait, None, meeting.agree_as(1))),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return raised


@pytest.fixture(autouse=True)
def short(monkeypatch):
    monkeypatch.setattr(first_process, "SIGN_OF_LIFE_SECONDS", 0.05)


def test_others_wait_for_longer_than_their_patience():
    meeting, done = Meeting(1.5), []

    def work():
        time.sleep(4)
        done.append(True)

    assert together(meeting, work) == [None, None]
    assert done
    assert meeting.meetings > 5


def test_without_signs_of_life_they_do_not():
    def in_silence(work, agree):
        work()
        agree(False)

    raised = together(Meeting(0.5), lambda: time.sleep(2), in_silence)
    assert all(isinstance(error, threading.BrokenBarrierError) for error in raised)


def test_without_work_all_go_on_at_once():
    meeting = Meeting(5)
    assert together(meeting, None) == [None, None]
    assert meeting.meetings == 1


def test_what_the_work_raises_is_raised_in_the_first_process():
    def work():
        raise ValueError("no such sequence")

    first, second = together(Meeting(5), work)
    assert str(first) == "no such sequence"
    assert second is None  # its next meeting ends it
