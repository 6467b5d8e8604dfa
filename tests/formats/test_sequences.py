import shutil

import pytest

from fairmot.errors import InputError
from fairmot.formats.ground_truth import load_ground_truth
from fairmot.formats.seqinfo import load_info
from fairmot.formats.sequences import (
    find_results,
    find_sequences,
    find_test_sequences,
    load_sequence,
    sequence_name,
)

ROW = "1,1,0,0,5,5,1,-1,-1,-1\n"


def test_one_sequence_or_a_data_set(write_sequence):
    folder, results = write_sequence(ROW, ROW, 3, "B")
    other, _ = write_sequence(ROW, ROW, 3, "A")
    assert find_sequences(folder) == [folder]
    assert find_sequences(folder / "gt" / "gt.txt") == [folder]
    write_sequence(ROW, ROW, 3, ".B.old")  # what an interrupted rendering leaves is no sequence
    assert find_sequences(folder.parent) == [other, folder]
    assert find_results(results, [folder]) == [results]
    assert [path.name for path in find_results(results.parent, [other, folder])] == ["A.txt", "B.txt"]


def test_the_folder_of_trackeval_is_found(write_sequence):
    folder, results = write_sequence(ROW, ROW, 3, "B")
    (results.parent / "data").mkdir()
    assert find_results(results.parent, [folder]) == [results]  # what lies beside it comes first
    results.rename(results.parent / "data" / results.name)
    assert find_results(results.parent, [folder]) == [results.parent / "data" / results.name]
    (results.parent / "data" / results.name).unlink()
    with pytest.raises(InputError, match=r"data: missing result file B\.txt"):
        find_results(results.parent, [folder])


def test_missing_places_are_named(write_sequence, tmp_path):
    folder, results = write_sequence(ROW, ROW, 3, "A")
    with pytest.raises(InputError, match="nowhere: no such folder"):
        find_sequences(tmp_path / "nowhere")
    with pytest.raises(InputError, match=r"results: no ground truth; expected gt/gt.txt"):
        find_sequences(results.parent)
    with pytest.raises(InputError, match="nowhere: no such file or folder"):
        find_results(tmp_path / "nowhere", [folder])
    other, missing = write_sequence(ROW, ROW, 3, "Seq-02")
    with pytest.raises(InputError, match=r"one file for 2 sequences"):
        find_results(results, [folder, other])
    missing.rename(missing.with_name("Seq_02.txt"))
    with pytest.raises(InputError, match=r"missing result file Seq-02.txt \(did you mean 'Seq_02.txt'\?\)"):
        find_results(results.parent, [folder, other])


def test_info(write_sequence):
    folder, _ = write_sequence(ROW, ROW, 7, "A")
    (folder / "seqinfo.ini").write_text(
        "[Sequence]\nname=other\nseqLength=7\nframeRate=29.97\nimWidth=640\nimHeight=480\n"
    )
    info = load_info(folder)
    assert (info.name, info.frame_count, info.frame_rate, info.image_size) == ("A", 7, 29.97, (640, 480))


def test_a_linked_sequence_has_the_name_of_the_link(write_sequence, tmp_path, monkeypatch):
    folder, _ = write_sequence(ROW, ROW, 7, "A")
    link = tmp_path / "B"
    link.symlink_to(folder, target_is_directory=True)
    for path in (link, f"{link}/", f"{link}/."):
        assert sequence_name(path) == load_info(path).name == "B"
    monkeypatch.chdir(folder)
    assert sequence_name(".") == load_info(".").name == "A"
    assert sequence_name("gt/..") == "A"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected \\[Sequence\\]"),
        ("[Sequence]\nname=A\n", "seqLength is missing"),
        ("[Sequence]\nseqLength=0\n", "less than 1"),
        ("[Sequence]\nseqLength=many\n", "seqinfo.ini: .*many"),
        ("seqLength=5\n", "seqinfo.ini"),
    ],
)
def test_unusable_info(write_sequence, text, message):
    folder, _ = write_sequence(ROW, ROW, 7)
    (folder / "seqinfo.ini").write_text(text)
    with pytest.raises(InputError, match=message):
        load_info(folder)
    (folder / "seqinfo.ini").unlink()
    with pytest.raises(InputError, match=r"seqinfo.ini: missing"):
        load_info(folder)


def test_ground_truth_holds_all_rows(write_sequence):
    folder, results = write_sequence("1,1,0,0,5,5,0,1,1\n1,2,0,0,5,5,1,7,1\n", ROW, 7)
    info, rows = load_ground_truth(folder)
    assert (info.frame_count, len(rows)) == (7, 2)
    sequence = load_sequence(folder, results)
    assert (len(sequence.truth), len(sequence.results)) == (2, 1)


def test_a_ground_truth_frame_outside_the_sequence(write_sequence):
    folder, _ = write_sequence("8,1,0,0,5,5,1,1,1\n", ROW, 7)
    with pytest.raises(InputError, match=r"gt.txt:1: the frame is outside the sequence \(1 to 7"):
        load_ground_truth(folder)


def test_hidden_leftovers_make_no_test_set_a_labelled_one(write_sequence):
    folder, _ = write_sequence("", "", 7)
    leftover = folder.with_name(f".{folder.name}.77.part")
    shutil.copytree(folder, leftover)
    (folder / "gt" / "gt.txt").unlink()
    assert find_test_sequences(folder.parent) == [folder]
    leftover.rename(folder.with_name("other"))
    assert find_test_sequences(folder.parent) == []
