import dataclasses
import threading

import cv2
import numpy as np
import pytest
from loading import EVERYTHING, assert_same, loader_of

import fairmot.data.loader as loader_module
from fairmot.config import AugmentationConfig, Config, DataConfig, NetworkConfig, TrainConfig
from fairmot.data.annotations import read_images
from fairmot.data.batch import Batch
from fairmot.data.image_files import read_image
from fairmot.data.loader import Loader, create_loader
from fairmot.errors import InputError


@pytest.fixture
def images(noise_images):
    return noise_images


def loader_threads():
    return [thread for thread in threading.enumerate() if thread.name.startswith("fairmot-loader")]


def test_batches_have_the_documented_shapes(images):
    batches = list(loader_of(images).epoch(0))
    assert len(batches) == len(loader_of(images)) == 3
    batch = batches[0]
    assert (batch.images.shape, batch.images.dtype) == ((3, 64, 96, 3), np.uint8)
    assert (batch.heatmap.shape, batch.heatmap.dtype) == ((3, 1, 16, 24), np.float32)
    assert (batch.is_object.shape, batch.is_object.dtype) == ((3, 8), np.bool_)
    assert (batch.cells.shape, batch.cells.dtype) == ((3, 8), np.int64)
    assert (batch.extents.shape, batch.extents.dtype) == ((3, 8, 4), np.float32)
    assert (batch.offsets.shape, batch.offsets.dtype) == ((3, 8, 2), np.float32)
    assert (batch.identities.shape, batch.identities.dtype) == ((3, 8), np.int64)
    assert any(each.is_object.any() for each in batches)


def test_batch_has_the_fields_of_the_engines_protocol():
    from fairmot.engines.interface import TrainingBatch

    fields = [field.name for field in dataclasses.fields(Batch)]
    assert fields == [*TrainingBatch.__annotations__, "paths"]


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_any_number_of_workers_gives_the_same_batches(images, workers):
    assert_same(list(loader_of(images, workers=workers).epoch(2)), list(loader_of(images, workers=0).epoch(2)))


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("step", [0, 1, 2, 3])
def test_any_resume_gives_the_same_batches(images, workers, step):
    whole = list(loader_of(images, workers=0).epoch(4))
    assert_same(list(loader_of(images, workers=workers).epoch(4, first_step=step)), whole[step:])


def test_the_threads_of_opencv_do_not_matter_and_stay_as_they_were(images):
    before = cv2.getNumThreads()
    try:
        batches = []
        for threads in (1, 4):
            cv2.setNumThreads(threads)
            batches.append(list(loader_of(images).epoch(2)))
            assert cv2.getNumThreads() == threads
        assert_same(*batches)
    finally:
        cv2.setNumThreads(before)


@pytest.mark.parametrize("change", [{"seed": 6}, {"epoch": 3}])
def test_seed_and_epoch_change_the_batches(images, change):
    epoch = change.pop("epoch", 2)
    with pytest.raises(AssertionError):
        assert_same(list(loader_of(images, **change).epoch(epoch)), list(loader_of(images).epoch(2)))


def test_one_changed_number_in_a_batch_is_noticed(images):
    batches = list(loader_of(images).epoch(2))
    batches[1].images[2, 0, 0, 0] ^= 1
    with pytest.raises(AssertionError):
        assert_same(batches, list(loader_of(images).epoch(2)))


def test_a_sample_depends_on_seed_epoch_and_index_alone(images):
    loader = loader_of(images)
    canvas, labels = loader.sample(1, 4)
    list(loader.epoch(0))
    again, same_labels = loader_of(images, batch_size=2, workers=1).sample(1, 4)
    np.testing.assert_array_equal(canvas, again)
    np.testing.assert_array_equal(labels, same_labels)
    assert not np.array_equal(canvas, loader.sample(2, 4)[0])
    assert not np.array_equal(canvas, loader.sample(1, 5)[0])


def test_an_epoch_shows_each_image_once(images):
    loader = loader_of(images, batch_size=5)
    orders = [[path for batch in loader.epoch(epoch) for path in batch.paths] for epoch in range(2)]
    assert sorted(orders[0]) == sorted(orders[1]) == sorted(images.paths)
    assert orders[0] != orders[1]


def test_closing_early_leaves_no_threads(images):
    batches = loader_of(images, workers=3).epoch(0)
    next(batches)
    assert loader_threads()
    batches.close()
    assert not loader_threads()
    list(loader_of(images, workers=3).epoch(0))
    assert not loader_threads()


def test_prefetch_is_bounded(images, monkeypatch):
    filled = []
    original = Loader.fill

    def count(self, batch, slot, epoch, index):
        original(self, batch, slot, epoch, index)
        filled.append(index)

    monkeypatch.setattr(Loader, "fill", count)
    batches = loader_of(images, batch_size=1, workers=2).epoch(0)
    next(batches)
    threading.Event().wait(0.3)
    assert len(filled) <= 1 + loader_module.PREFETCHED_BATCHES
    batches.close()


@pytest.mark.parametrize("workers", [0, 2])
def test_a_broken_image_reaches_the_consumer_by_name(images, workers):
    images.paths[7].write_bytes(b"no image")
    with pytest.raises(InputError, match=r"0007\.png: not an image"):
        list(loader_of(images, workers=workers, batch_size=10).epoch(0))
    images.paths[7].unlink()
    with pytest.raises(InputError, match=r"0007\.png: cannot be read: No such file"):
        list(loader_of(images, workers=workers, batch_size=10).epoch(0))
    assert not loader_threads()


@pytest.mark.parametrize("workers", [0, 2])
def test_any_other_failure_of_a_worker_names_the_image(images, workers, monkeypatch):
    def fail(*_):
        raise MemoryError("no room")

    monkeypatch.setattr(loader_module, "make_targets", fail)
    with pytest.raises(RuntimeError, match=r"street/00\d\d\.png: MemoryError: no room"):
        next(loader_of(images, workers=workers).epoch(0))
    assert not loader_threads()


def test_a_set_smaller_than_a_batch_is_an_error(images):
    with pytest.raises(InputError, match=r"10 images in street, fewer than one batch of 11: lower train\.batch_size"):
        loader_of(images, batch_size=11)
    with pytest.raises(InputError, match="negative"):
        loader_of(images, seed=-1)


def test_a_class_that_the_network_lacks_is_an_error(images):
    images.rows[6, 0] = 2
    with pytest.raises(InputError, match=r"0001\.png: labelled with class 2, but network\.classes is 1"):
        loader_of(images)
    assert len(loader_of(images, classes=3)) == 3


def test_boxes_are_clipped_on_demand(tmp_path, make_set):
    make_set(tmp_path, "street", ["0 1 0.0 0.5 0.5 2.0"], size=(96, 64))
    images = read_images(tmp_path / "data.json")
    options = {"batch_size": 1, "augmentation": AugmentationConfig(enabled=False)}
    np.testing.assert_allclose(loader_of(images, **options).sample(0, 0)[1], [[0, 1, 0.0, 0.5, 0.5, 2.0]])
    clipped = loader_of(images, clip_boxes=True, **options)
    np.testing.assert_allclose(clipped.sample(0, 0)[1], [[0, 1, 0.125, 0.5, 0.25, 1.0]])


def test_loader_of_a_configuration(tmp_path, images):
    config = Config(
        network=NetworkConfig(input_width_px=96, input_height_px=64),
        data=DataConfig(description=tmp_path / "data.json", max_objects=8, augmentation=EVERYTHING),
        train=TrainConfig(batch_size=3, seed=5),
    )
    loader = create_loader(config)
    assert loader.identity_count == images.identity_count == 13
    assert_same(list(loader.epoch(1)), list(loader_of(images).epoch(1)))


def test_images_are_read_as_opencv_reads_them(images):
    np.testing.assert_array_equal(read_image(images.paths[0]), cv2.imread(str(images.paths[0])))


def test_absent_sets_are_left_out_only_when_asked(tmp_path):
    for name in ("images", "labels_with_ids"):
        (tmp_path / name).mkdir()
    cv2.imwrite(str(tmp_path / "images" / "a.png"), np.zeros((64, 64, 3), np.uint8))
    (tmp_path / "labels_with_ids" / "a.txt").write_text("0 0 .5 .5 .2 .4\n")
    (tmp_path / "here.txt").write_text("images/a.png\n")
    description = tmp_path / "data.json"
    description.write_text('{"root": ".", "train": {"here": "here.txt", "gone": "gone.txt"}}')
    config = Config(data={"description": description}, train={"batch_size": 1})
    with pytest.raises(InputError, match="gone"):
        create_loader(config)
    loader = create_loader(config.model_copy(update={"data": config.data.model_copy(update={"skip_missing": True})}))
    assert (len(loader.images), loader.images.skipped) == (1, ("gone",))


@pytest.mark.parametrize("processes", [2, 3])
def test_processes_share_the_batches_of_one(images, processes):
    whole = list(loader_of(images, batch_size=processes).epoch(1))
    shares = [
        list(loader_of(images, batch_size=1, rank=rank, processes=processes).epoch(1)) for rank in range(processes)
    ]
    assert len(whole) == 10 // processes
    for step, batch in enumerate(whole):
        assert batch.paths == tuple(share[step].paths[0] for share in shares)
        for rank, share in enumerate(shares):
            np.testing.assert_array_equal(share[step].images[0], batch.images[rank])
            np.testing.assert_array_equal(share[step].identities[0], batch.identities[rank])
    resumed = list(loader_of(images, batch_size=1, rank=1, processes=processes).epoch(1, first_step=2))
    assert_same(resumed, shares[1][2:])
    with pytest.raises(AssertionError):
        assert_same(shares[0], shares[1])


def test_too_few_images_for_all_processes(images):
    with pytest.raises(InputError, match="fewer than one batch of 6 in each of 2 processes"):
        loader_of(images, batch_size=6, processes=2)


def test_the_fingerprint_knows_how_many_images_a_step_takes(images):
    one, two = loader_of(images, batch_size=4), loader_of(images, batch_size=2, processes=2)
    assert one.fingerprint() == two.fingerprint() != loader_of(images, batch_size=2).fingerprint()


def test_classes_have_identities_of_their_own(tmp_path, make_set):
    rows = ["0 7 .2 .5 .1 .2\n1 7 .5 .5 .1 .2\n2 -1 .8 .5 .1 .2", "0 9 .2 .5 .1 .2\n1 3 .5 .5 .1 .2\n-1 -1 .8 .5 .1 .2"]
    make_set(tmp_path, "street", rows)
    images = read_images(tmp_path / "data.json")
    loader = loader_of(images, batch_size=2, classes=3)
    # Two people and one more, two of the second class and one more, none of the third.
    assert loader.identity_counts == (3, 3, 1)
    assert loader.identity_count == 7
    # Class 0: 7 and 9; class 1: 3 and 7, behind the three of class 0.
    assert loader.images.rows[:, 1].tolist() == [0, 4, -1, 1, 3, -1]
    assert images.rows[:, 1].tolist() == [7, 7, -1, 9, 3, -1]
    one = loader_of(read_one_class(tmp_path / "one", make_set), batch_size=2)
    assert one.identity_counts == (one.images.identity_count,) == (11,)


def read_one_class(folder, make_set):
    folder.mkdir()
    make_set(folder, "street", ["0 7 .2 .5 .1 .2", "0 9 .2 .5 .1 .2"])
    return read_images(folder / "data.json")


def test_the_last_epochs_are_changed_in_their_own_way(images):
    calm = AugmentationConfig(enabled=False)
    finished = loader_of(images, finish=(3, calm))
    assert_same(list(finished.epoch(2)), list(loader_of(images).epoch(2)))
    assert_same(list(finished.epoch(3)), list(loader_of(images, augmentation=calm).epoch(3)))
    with pytest.raises(AssertionError):
        assert_same(list(finished.epoch(3)), list(loader_of(images).epoch(3)))
