"""Files of weights turned into each other: every bit, every name, every wrong file."""

import itertools
import json
import subprocess
import sys

import numpy as np
import pytest

from fairmot.cli import main
from fairmot.errors import InputError
from fairmot.network.architectures import build_graph, published_config
from fairmot.network.ckpt import read_ckpt, write_ckpt
from fairmot.network.initial import initial_weights
from fairmot.network.lite import LITE
from fairmot.network.naming import NAMINGS, from_public
from fairmot.network.rtmdet import DETECTOR_PREFIXES
from fairmot.network.safetensors import load_weights, save_weights
from fairmot.weights import fit_weights, read_weights
from fairmot.workflows.convert import convert

torch = pytest.importorskip("torch")

PUBLIC = ("dla_34", "dlaconv_34", "resdcn_34", "resdcn_50", "resfpndcn_34", "hrnet_18", "hrnet_32", "yolo")


def save_public(path, arrays):
    """Write arrays as the public code does."""
    state = {name: torch.from_numpy(np.array(array)) for name, array in arrays.items()}
    torch.save({"epoch": 30, "state_dict": state}, path)
    return path


def assert_same_bits(found, expected):
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        ours = found[name]
        assert (ours.dtype, ours.shape, ours.tobytes()) == (array.dtype, array.shape, array.tobytes()), name


@pytest.mark.parametrize("architecture", PUBLIC)
def test_a_public_checkpoint_is_taken_over_bit_for_bit(architecture, recipe, tmp_path):
    public = recipe.make_official_checkpoint(architecture, 7)
    result = convert(save_public(tmp_path / "public.pth", public), tmp_path / "ours.safetensors")
    weights = load_weights(tmp_path / "ours.safetensors")
    assert weights.network == result.network == published_config(architecture)
    assert (result.naming, result.drawn, result.remarks) == ("public", (), ())
    assert len(result.dropped) == (14 if "dla" in architecture else 0)
    kept = {name: array for name, array in public.items() if name not in result.dropped}
    assert_same_bits(weights.arrays, kept)
    moved = dict(kept)
    moved["hm.2.bias"] = np.nextafter(kept["hm.2.bias"], np.float32(9))
    with pytest.raises(AssertionError, match=r"hm\.2\.bias"):
        assert_same_bits(weights.arrays, moved)


@pytest.mark.parametrize("architecture", ["dlaconv_34", "yolo"])
def test_every_bit_survives_all_kinds_of_files(architecture, recipe, tmp_path):
    public = recipe.make_official_checkpoint(architecture, 8)
    convert(save_public(tmp_path / "public.pth", public), tmp_path / "ours.safetensors")
    kept = load_weights(tmp_path / "ours.safetensors").arrays
    assert convert(tmp_path / "ours.safetensors", tmp_path / "ms.ckpt").naming == "public"
    assert convert(tmp_path / "ms.ckpt", tmp_path / "back.pth").naming == "mindspore"
    back = torch.load(tmp_path / "back.pth", weights_only=True)["state_dict"]
    assert_same_bits({name: tensor.numpy() for name, tensor in back.items()}, kept)


@pytest.mark.parametrize("naming", NAMINGS)
def test_checkpoints_of_both_ports_are_recognised(naming, recipe, tmp_path):
    public = recipe.make_official_checkpoint("dlaconv_34", 3)
    write_ckpt(tmp_path / "ms.ckpt", from_public(public, naming))
    result = convert(tmp_path / "ms.ckpt", tmp_path / "ours.safetensors")
    assert (result.naming, result.network.architecture, len(result.dropped)) == (naming, "dlaconv_34", 14)
    kept = {name: array for name, array in public.items() if name not in result.dropped}
    assert_same_bits(load_weights(tmp_path / "ours.safetensors").arrays, kept)


def test_names_of_the_ports():
    # Read off the cells of both ports: nn.Conv2dBnAct holds 'conv' and 'batchnorm', a cell list counts from 0.
    expected = {
        "base.base_layer.0.weight": "base.base_layer.conv.weight",
        "base.level0.1.bias": "base.level0.0.batchnorm.beta",
        "base.level2.tree1.bn1.running_var": "base.level2.tree1.conv_bn_act.batchnorm.moving_variance",
        "base.level3.tree1.tree2.conv2.weight": "base.level3.tree1.tree2.conv_bn.conv.weight",
        "base.level3.tree1.project.1.weight": "base.level3.tree1.project.batchnorm.gamma",
        "base.level5.root.bn.running_mean": "base.level5.root.bn.moving_mean",
        "dla_up.ida_1.proj_2.actf.0.weight": "dla_up.ida_nfs.1.proj.1.actf.0.gamma",
        "ida_up.up_2.weight": "ida_up.up.1.weight",
        "ida_up.node_1.conv.weight": "ida_up.node.0.conv.weight",
        "hm.2.bias": "hm_fc.2.bias",
        "id.0.weight": "id_fc.0.weight",
    }
    arrays = initial_weights(build_graph(published_config("dlaconv_34")))
    models, mindvideo = from_public(arrays, "models"), from_public(arrays, "mindvideo")
    for public, name in expected.items():
        assert models[name] is arrays[public]
        head, _, rest = name.partition("_fc.")
        assert mindvideo[f"head.{head}_fc.fc.{rest}" if rest else f"backbone.{name}"] is arrays[public]


def test_a_collection_checkpoint_as_its_training_and_its_converter_leave_it(tmp_path):
    arrays = initial_weights(build_graph(published_config("dlaconv_34")))
    names = from_public(arrays, "models")
    without_counts = {name: array for name, array in names.items() if not name.endswith("num_batches_tracked")}
    state = {"moment1.hm_fc.2.bias": np.ones(1, np.float32), "learning_rate": np.ones((), np.float32)}
    wrapped = {f"_net.{name}": array for name, array in without_counts.items()}
    write_ckpt(tmp_path / "trained.ckpt", wrapped | state | {"_loss.s_det": np.ones(1, np.float32)})
    result = convert(tmp_path / "trained.ckpt", tmp_path / "ours.safetensors")
    assert set(result.dropped) == {*state, "_loss.s_det"}
    counts = len(names) - len(without_counts)
    assert result.remarks == (f"{counts} counts of batches are absent and set to 0",)
    assert_same_bits(load_weights(tmp_path / "ours.safetensors").arrays, arrays)
    # Its converter translates a batch norm's four arrays and leaves the count in the public cell.
    arrays["base.level0.1.num_batches_tracked"] = np.array(5)
    converted = without_counts | {"base.level0.0.1.num_batches_tracked": np.array(5)}
    write_ckpt(tmp_path / "converted.ckpt", converted)
    convert(tmp_path / "converted.ckpt", tmp_path / "ours.safetensors")
    assert_same_bits(load_weights(tmp_path / "ours.safetensors").arrays, arrays)


def test_biases_that_only_a_port_has_change_no_output(tmp_path):
    from fairmot.engines.torch.inference import load_network

    graph = build_graph(published_config("dlaconv_34"))
    arrays = initial_weights(graph)
    names = from_public(arrays, "mindvideo")
    bias = "backbone.ida_up.node.1.conv.bias"
    assert not names[bias].any()
    names[bias] = np.full_like(names[bias], 0.25)
    write_ckpt(tmp_path / "ms.ckpt", names)
    result = convert(tmp_path / "ms.ckpt", tmp_path / "ours.safetensors")
    assert result.remarks == ("16 biases in front of batch norms are folded into their running means",)
    pixels = np.random.default_rng(0).random((1, 3, 32, 32), dtype=np.float32)
    moved = load_weights(tmp_path / "ours.safetensors").arrays
    # The convolution's bias enters the batch norm as if its mean were that much smaller.
    by_hand = arrays | {"ida_up.node_2.actf.0.running_mean": arrays["ida_up.node_2.actf.0.running_mean"] - 0.25}
    heads, expected, without = (load_network(graph, a, "cpu")(pixels) for a in (moved, by_hand, arrays))
    np.testing.assert_array_equal(heads["embedding"], expected["embedding"])
    assert not np.array_equal(heads["embedding"], without["embedding"])


def test_sizes_are_read_off_the_heads(tmp_path):
    config = published_config("yolo").model_copy(update={"classes": 3, "embedding": 16, "head_width": 24})
    arrays = initial_weights(build_graph(config))
    result = convert(save_public(tmp_path / "a.pth", arrays), tmp_path / "a.safetensors")
    assert result.network == config


def test_every_other_name_is_an_error_that_lists_it(recipe, tmp_path):
    public = recipe.make_official_checkpoint("dlaconv_34", 0)
    public["surplus.weight"] = public.pop("wh.2.bias")
    save_public(tmp_path / "public.pth", public)
    with pytest.raises(InputError, match=r"wh\.2\.bias is missing; surplus\.weight is unexpected"):
        convert(tmp_path / "public.pth", tmp_path / "ours.safetensors")
    assert not (tmp_path / "ours.safetensors").exists()


def test_arch_overrules_what_the_names_say(recipe, tmp_path):
    source = save_public(tmp_path / "public.pth", recipe.make_official_checkpoint("resdcn_34", 0))
    with pytest.raises(InputError, match=r"does not fit resfpndcn_34: deconv_layer1\.0\.\S+ is missing; "):
        convert(source, tmp_path / "ours.safetensors", "resfpndcn_34")
    with pytest.raises(InputError, match="did you mean 'resdcn_34'"):
        convert(source, tmp_path / "ours.safetensors", "resdcn34")
    result = convert(source, tmp_path / "ours.safetensors", "resfpndcn_34", partial=True)
    weights = load_weights(tmp_path / "ours.safetensors")
    assert weights.network.architecture == "resfpndcn_34"
    assert result.taken + len(result.drawn) == len(weights.arrays)
    assert "smooth_layer1.conv.weight" in result.drawn
    assert "deconv_layers.0.weight is unexpected" in result.left_out


def test_centernet_gives_start_weights(recipe, tmp_path):
    # CenterNet's COCO network: 80 classes, width and height, no embedding.
    arrays = recipe.make_official_checkpoint("dla_34", 0)
    coco = {name: array for name, array in arrays.items() if not name.startswith("id.")}
    coco["hm.2.weight"], coco["hm.2.bias"] = np.zeros((80, 256, 1, 1), np.float32), np.zeros(80, np.float32)
    coco["wh.2.weight"], coco["wh.2.bias"] = np.zeros((2, 256, 1, 1), np.float32), np.zeros(2, np.float32)
    source = save_public(tmp_path / "coco.pth", coco)
    with pytest.raises(InputError, match=r"dla_34 without FairMOT's heads: id\.2\.weight missing; a partial"):
        convert(source, tmp_path / "start.safetensors")
    result = convert(source, tmp_path / "start.safetensors", partial=True)
    heads = {f"{head}.2.{last}" for head in ("hm", "wh", "id") for last in ("weight", "bias")}
    assert set(result.drawn) == heads | {"id.0.weight", "id.0.bias"}
    assert "hm.2.bias has shape [80], expected [1]" in result.left_out
    weights = load_weights(tmp_path / "start.safetensors").arrays
    np.testing.assert_array_equal(weights["base.base_layer.0.weight"], coco["base.base_layer.0.weight"])
    assert weights["hm.2.bias"][0] == np.float32(-2.19)


@pytest.mark.parametrize(
    ("architecture", "prefix", "first"),
    [
        ("dla_34", "base.", "base_layer.0.weight"),
        ("yolo", "backbone.", "model.0.conv.conv.weight"),
        ("resdcn_50", "", "conv1.weight"),
        ("hrnet_18", "", "conv1.weight"),
    ],
)
def test_standalone_backbones_give_start_weights(architecture, prefix, first, recipe, tmp_path):
    public = recipe.make_official_checkpoint(architecture, 1)
    rest = ("deconv", "hm", "wh", "id.", "reg", "dla_up", "ida_up")
    bare = {n.removeprefix(prefix): a for n, a in public.items() if n.startswith(prefix) and not n.startswith(rest)}
    bare = {n: a for n, a in bare.items() if not n.startswith("fc.")} | {"fc.bias": np.zeros(1000, np.float32)}
    assert first in bare
    source = save_public(tmp_path / "imagenet.pth", bare)
    with pytest.raises(InputError, match=rf"{architecture}.* (a partial conversion|convert partially)"):
        convert(source, tmp_path / "start.safetensors")
    graph = build_graph(published_config(architecture))
    fitted = fit_weights(graph, read_weights(source), partial=True)
    used = {n for n in public if n in fitted.arrays and n.removeprefix(prefix) in bare and n.startswith(prefix)}
    assert set(fitted.taken) == used
    assert len(fitted.arrays) == len(graph.parameters())
    assert any(line.endswith("fc.bias is unexpected") for line in fitted.left_out) or architecture == "dla_34"
    name = f"{prefix}{first}"
    np.testing.assert_array_equal(fitted.arrays[name], public[name])


def test_nothing_that_fits_is_an_error(tmp_path):
    source = save_public(tmp_path / "a.pth", {"x": np.zeros(3, np.float32)})
    for options in ({}, {"partial": True}):
        with pytest.raises(InputError, match=r"no known architecture; it holds 1 arrays: x"):
            convert(source, tmp_path / "b.safetensors", **options)
    with pytest.raises(InputError, match="no parameter fits yolo"):
        convert(source, tmp_path / "b.safetensors", "yolo", partial=True)


def test_two_names_of_one_array_are_refused(tmp_path):
    arrays = from_public(initial_weights(build_graph(LITE)), "mindspore")
    write_ckpt(tmp_path / "a.ckpt", arrays | {"network.bbox_head.rtm_cls.0.bias": np.zeros(1, np.float32)})
    with pytest.raises(InputError, match=r"holds twice, under different names: bbox_head\.rtm_cls\.0\.bias"):
        convert(tmp_path / "a.ckpt", tmp_path / "a.pth")


def test_notes_of_a_weight_file_go_with_it(tmp_path):
    weights = initial_weights(build_graph(LITE))
    save_weights(tmp_path / "a.safetensors", LITE, weights, {"licence": "free"})
    convert(tmp_path / "a.safetensors", tmp_path / "b.safetensors")
    assert load_weights(tmp_path / "b.safetensors").notes == {"licence": "free"}
    assert load_weights(tmp_path / "b.safetensors").network == LITE


def test_rtmdet_nano_gives_start_weights_of_lite(shared, tmp_path):
    result = convert(shared("data", "teachers", "rtmdet_nano_person.onnx"), tmp_path / "start.safetensors")
    weights = load_weights(tmp_path / "start.safetensors")
    assert weights.network == LITE
    assert result.taken == sum(name.startswith(DETECTOR_PREFIXES) for name in weights.arrays)
    assert result.taken + len(result.drawn) == len(weights.arrays)
    assert "Apache-2.0" in weights.notes["licence"]


def test_a_full_disk_is_one_line_and_the_file_before_it_stays(tmp_path):
    save_public(tmp_path / "public.pth", initial_weights(build_graph(LITE)))
    targets = [tmp_path / f"ours{suffix}" for suffix in (".safetensors", ".pth", ".ckpt")]
    for target in targets:
        target.write_bytes(b"what was there before")
    program = (
        "import resource, signal, sys\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))\n"
        "from pathlib import Path\n"
        "from fairmot.workflows.convert import convert\n"
        "from fairmot.errors import InputError\n"
        "for target in sys.argv[2:]:\n"
        "    try:\n"
        "        convert(Path(sys.argv[1]), Path(target))\n"
        "    except InputError as error:\n"
        "        print(error)\n"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "public.pth"), *map(str, targets)]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    assert ["File too large" in line for line in lines] == [True] * 3
    assert all(target.read_bytes() == b"what was there before" for target in targets)
    assert not list(tmp_path.glob(".*"))


def test_files_that_cannot_be_converted(tmp_path):
    (tmp_path / "a.txt").write_text("")
    (tmp_path / "cut.ckpt").write_bytes(b"\x0a\x90\x01")
    weights = from_public(initial_weights(build_graph(LITE)), "mindspore")
    write_ckpt(tmp_path / "lite.ckpt", weights)
    for source, target, naming, message in (
        ("absent.pth", "b.safetensors", None, "no such file"),
        ("a.txt", "b.safetensors", None, r"known: \.safetensors, \.pth, \.pt, \.ckpt, \.onnx"),
        ("a.txt", "b.onnx", None, r"cannot write \.onnx; known: \.safetensors, \.pth, \.ckpt"),
        ("cut.ckpt", "b.safetensors", None, "not a MindSpore checkpoint, or encrypted or cut off"),
        ("lite.ckpt", "b.ckpt", "models", "is for dla_34 and dlaconv_34"),
        ("lite.ckpt", "b.ckpt", "mindspor", "did you mean 'mindspore'"),
        ("lite.ckpt", "b.pth", "models", r"only \.ckpt files have a choice of names"),
    ):
        with pytest.raises(InputError, match=message) as error:
            convert(tmp_path / source, tmp_path / target, naming=naming)
        assert "\n" not in str(error.value)
        assert not (tmp_path / target).exists()


def test_the_command_says_what_it_took(monkeypatch, capsys, tmp_path):
    source = save_public(tmp_path / "a.pth", initial_weights(build_graph(LITE)))
    for arguments in (["a.ckpt"], ["b.safetensors", "--json"]):
        monkeypatch.setattr(
            sys, "argv", ["fairmot", "convert", str(source), str(tmp_path / arguments[0]), *arguments[1:]]
        )
        with pytest.raises(SystemExit) as end:
            main()
        assert end.value.code == 0
    first, _, rest = capsys.readouterr().out.partition("\n")
    assert "a.ckpt: lite from public names, " in first
    assert first.endswith(" arrays taken, 0 initialized")
    assert json.loads(rest)["network"]["architecture"] == "lite"
    assert len(read_ckpt(tmp_path / "a.ckpt").arrays) == json.loads(rest)["taken"]


def test_frameworks_are_not_needed_for_mindspore_files(tmp_path):
    write_ckpt(tmp_path / "a.ckpt", from_public(initial_weights(build_graph(LITE)), "mindspore"))
    program = (
        "import sys\n"
        "from pathlib import Path\n"
        "from fairmot.workflows.convert import convert\n"
        f"folder = Path({str(tmp_path)!r})\n"
        "convert(folder / 'a.ckpt', folder / 'b.safetensors')\n"
        "convert(folder / 'b.safetensors', folder / 'c.ckpt')\n"
        "assert not {'torch', 'mindspore'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
    assert_same_bits(read_ckpt(tmp_path / "c.ckpt").arrays, read_ckpt(tmp_path / "a.ckpt").arrays)


def test_all_pairs_of_files_convert(tmp_path):
    save_public(tmp_path / "start.pth", initial_weights(build_graph(LITE)))
    expected = read_weights(tmp_path / "start.pth").arrays
    kinds = (".pth", ".ckpt", ".safetensors")
    for number, (source, target) in enumerate(itertools.product(kinds, kinds)):
        first, second = tmp_path / f"a{number}{source}", tmp_path / f"b{number}{target}"
        convert(tmp_path / "start.pth", first)
        convert(first, second)
        assert_same_bits(read_weights(second).arrays, expected)
