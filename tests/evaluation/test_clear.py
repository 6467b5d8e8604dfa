"""Worked by hand: persons stand still 100 px apart, a result is named by the person it lies on."""

import pytest

import fairmot


@pytest.fixture
def scores(write_sequence):
    def score(truth: dict, results: dict, frames: int, width: int = 10) -> dict:
        def text(boxes):
            return "".join(
                f"{frame},{identity},{100 * place},0,{width},20,1,-1,-1,-1\n"
                for frame, found in boxes.items()
                for identity, place in found.items()
            )

        folder, file = write_sequence(text(truth), text(results), frames)
        return fairmot.score(folder, file)["sequences"]["MOT15-99"]

    return score


def test_switch_fragment_miss_and_false_alarm(scores):
    truth = {frame: {1: 0, 2: 1} for frame in range(1, 6)}
    results = {1: {11: 0, 12: 1}, 2: {11: 0}, 3: {11: 0, 12: 1}, 4: {12: 0, 11: 1}, 5: {12: 0, 11: 5}}
    got = scores(truth, results, 5)
    assert (got["CLR_TP"], got["CLR_FN"], got["CLR_FP"], got["IDSW"]) == (8, 2, 1, 2)
    # Person 2 is lost in frame 2 and found again.
    assert got["Frag"] == 1
    assert got["MOTA"] == (8 - 1 - 2) / 10
    assert (got["MT"], got["PT"], got["ML"]) == (1, 1, 0)
    assert got["MOTP"] == 1.0
    assert got["FP_per_frame"] == 1 / 5


def test_frames_without_results_count_but_do_not_break_a_track(scores):
    truth = {frame: {1: 0} for frame in range(1, 5)}
    got = scores(truth, {1: {5: 0}, 4: {5: 0}}, 9)
    assert (got["CLR_FN"], got["Frag"], got["IDSW"]) == (2, 0, 0)
    assert (got["PT"], got["CLR_Frames"], got["Frames"]) == (1, 9, 9)


def test_a_track_goes_on_although_another_result_fits_better(write_sequence):
    folder, file = write_sequence(
        "1,1,0,0,10,20,1,-1\n2,1,0,0,10,20,1,-1\n",
        "1,7,0,0,10,20,1\n2,8,0,0,10,20,1\n2,7,2,0,10,20,1\n",
        2,
    )
    got = fairmot.score(folder, file)["sequences"]["MOT15-99"]
    assert (got["IDSW"], got["CLR_FP"]) == (0, 1)
    assert got["MOTP_sum"] == pytest.approx(1 + 8 / 12, abs=1e-12)


def test_overlap_of_exactly_one_half_matches(write_sequence):
    folder, file = write_sequence("1,1,0,0,10,20,1,-1\n", "1,7,0,0,10,10,1\n", 1)
    got = fairmot.score(folder, file)["combined"]
    assert (got["CLR_TP"], got["IDTP"]) == (1, 1)
    file.write_text("1,7,0,0,10,9.999,1\n")
    assert fairmot.score(folder, file)["combined"]["CLR_TP"] == 0


def test_a_sequence_without_results(scores):
    got = scores({1: {1: 0, 2: 1}}, {}, 3)
    assert (got["CLR_FN"], got["ML"], got["MLR"], got["MOTA"], got["LocA"]) == (2, 2, 1.0, 0.0, 1.0)


def test_a_sequence_without_people(scores):
    got = scores({}, {1: {1: 0}}, 3)
    assert (got["CLR_FP"], got["MOTA"], got["MLR"], got["CLR_Frames"]) == (1, 0.0, 1.0, 0)


def test_continuation_bridges_frames_without_results(write_sequence):
    # In frame 3 result 8 fits better, but 7 was matched in frame 1, the last with boxes on both sides.
    folder, file = write_sequence(
        "1,1,0,0,10,20,1,-1\n2,1,0,0,10,20,1,-1\n3,1,0,0,10,20,1,-1\n",
        "1,7,0,0,10,20,1\n3,8,0,0,10,20,1\n3,7,2,0,10,20,1\n",
        3,
    )
    got = fairmot.score(folder, file)["combined"]
    assert (got["IDSW"], got["Frag"], got["CLR_FN"]) == (0, 0, 1)
    assert got["MOTP_sum"] == pytest.approx(1 + 8 / 12, abs=1e-12)
