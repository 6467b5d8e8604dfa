import fairmot


def test_the_global_matching_prefers_most_boxes(write_sequence):
    # Person 1: result 5 for three frames, result 6 for seven. Person 2: result 5 for two frames.
    truth = "".join(f"{frame},1,0,0,10,20,1,-1\n{frame},2,50,0,10,20,1,-1\n" for frame in range(1, 11))
    results = "".join(f"{frame},{5 if frame < 4 else 6},0,0,10,20,1\n" for frame in range(1, 11))
    results += "".join(f"{frame},5,50,0,10,20,1\n" for frame in (9, 10))
    folder, file = write_sequence(truth, results, 10)
    got = fairmot.score(folder, file)["combined"]
    # 1-6 (7 boxes) and 2-5 (2 boxes).
    assert (got["IDTP"], got["IDFN"], got["IDFP"]) == (9, 11, 3)
    assert got["IDR"] == 9 / 20
    assert got["IDP"] == 9 / 12
    assert got["IDF1"] == 9 / (9 + 5.5 + 1.5)
