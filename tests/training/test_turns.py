import sys

import pytest

from fairmot.training.turns import TURN_SECONDS, short_turns


def test_turns_are_short_inside_and_as_before_afterwards():
    before = sys.getswitchinterval()
    assert before > 10 * TURN_SECONDS
    inside = []

    def interrupted():
        with short_turns():
            inside.append(sys.getswitchinterval())
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert inside == [pytest.approx(TURN_SECONDS)]
    assert sys.getswitchinterval() == before
