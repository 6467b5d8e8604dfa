import pytest

from fairmot.config import parse_config
from fairmot.errors import InputError
from fairmot.training.memory import out_of_memory_in_one_line


@pytest.mark.parametrize(("size", "tried", "passes"), [(12, 6, 2), (9, 3, 3), (7, 1, 7), (2, 1, 2)])
def test_the_advice_gives_the_same_steps(size, tried, passes):
    config = parse_config({"train": {"batch_size": size}}, "test")
    line = rf"batch_size={tried}, with train\.accumulate={passes} "
    with pytest.raises(InputError, match=line), out_of_memory_in_one_line(config):
        raise MemoryError
    assert tried * passes == size
