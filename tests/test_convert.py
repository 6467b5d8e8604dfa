import subprocess
import sys

import numpy as np
import pytest

from fairmot.convert import convert
from fairmot.errors import InputError
from fairmot.network.lite import LITE
from fairmot.network.weights import load_weights

torch = pytest.importorskip("torch")


def save_public(path, arrays):
    """Write arrays as the public code does."""
    state = {name: torch.from_numpy(np.array(array)) for name, array in arrays.items()}
    torch.save({"epoch": 30, "state_dict": state}, path)


@pytest.mark.parametrize("architecture", ["dla_34", "dlaconv_34"])
def test_a_public_checkpoint_is_taken_over_bit_for_bit(architecture, recipe, tmp_path):
    public = recipe.make_official_checkpoint(architecture, 7)
    save_public(tmp_path / "public.pth", public)
    result = convert(tmp_path / "public.pth", tmp_path / "ours.safetensors")
    weights = load_weights(tmp_path / "ours.safetensors")
    assert weights.network.architecture == result.network.architecture == architecture
    assert len(result.dropped) == 14
    assert public.keys() - weights.arrays.keys() == set(result.dropped)
    assert result.drawn == 0
    for name, array in weights.arrays.items():
        assert (array.dtype, array.shape) == (public[name].dtype, public[name].shape), name
        np.testing.assert_array_equal(array, public[name], err_msg=name)
    public["hm.2.bias"][0] = np.nextafter(public["hm.2.bias"][0], np.float32(9))
    with pytest.raises(AssertionError):
        np.testing.assert_array_equal(weights.arrays["hm.2.bias"], public["hm.2.bias"])


def test_every_other_name_is_an_error_that_lists_it(recipe, tmp_path):
    public = recipe.make_official_checkpoint("dlaconv_34", 0)
    public["surplus.weight"] = public.pop("wh.2.bias")
    save_public(tmp_path / "public.pth", public)
    with pytest.raises(InputError, match=r"wh\.2\.bias is missing; surplus\.weight is unexpected"):
        convert(tmp_path / "public.pth", tmp_path / "ours.safetensors")
    assert not (tmp_path / "ours.safetensors").exists()


def test_yolox_nano_gives_start_weights_of_lite(shared, tmp_path):
    result = convert(shared("data", "teachers", "yolox_nano.onnx"), tmp_path / "start.safetensors")
    weights = load_weights(tmp_path / "start.safetensors")
    assert weights.network == LITE
    assert result.taken == sum(name.startswith("backbone.") for name in weights.arrays)
    assert result.taken + result.drawn == len(weights.arrays)
    assert "Apache-2.0" in weights.notes["licence"]


def test_a_full_disk_is_one_line_and_the_file_before_it_stays(recipe, tmp_path):
    target = tmp_path / "ours.safetensors"
    save_public(tmp_path / "public.pth", recipe.make_official_checkpoint("dlaconv_34", 0))
    target.write_bytes(b"what was there before")
    program = (
        "import resource, signal\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))\n"
        "from fairmot.cli import main\n"
        "main()\n"
    )
    command = [sys.executable, "-c", program, "convert", str(tmp_path / "public.pth"), str(target)]
    full = subprocess.run(command, capture_output=True, text=True, check=False)
    assert full.returncode == 2, full.stderr
    assert "Traceback" not in full.stderr
    assert sum("File too large" in line for line in full.stderr.splitlines()) == 1
    assert target.read_bytes() == b"what was there before"
    assert not list(tmp_path.glob(".*"))


def test_files_that_cannot_be_converted(tmp_path):
    (tmp_path / "a.txt").write_text("")
    for source, target, message in (
        ("absent.pth", "b.safetensors", "no such file"),
        ("a.txt", "b.safetensors", r"known: \.pth, \.onnx"),
        ("a.txt", "b.pth", r"end in \.safetensors"),
    ):
        with pytest.raises(InputError, match=message):
            convert(tmp_path / source, tmp_path / target)
