import numpy as np

from fairmot.config import NetworkConfig
from fairmot.network.architectures import build_graph
from fairmot.network.initial import initial_classifier, initial_weights


def test_a_seed_gives_the_same_values_and_another_seed_others():
    graph = build_graph(NetworkConfig(architecture="dla_34"))
    first, again, other = (initial_weights(graph, seed) for seed in (0, 0, 1))
    assert first.keys() == {p.name for p in graph.parameters()}
    for name in first:
        np.testing.assert_array_equal(first[name], again[name])
    assert not np.array_equal(first["base.base_layer.0.weight"], other["base.base_layer.0.weight"])


def test_published_start_values():
    weights = initial_weights(build_graph(NetworkConfig(architecture="dla_34")))
    assert np.all(weights["hm.2.bias"] == np.float32(-2.19))
    assert not weights["wh.2.bias"].any()
    assert not weights["ida_up.proj_1.conv.conv_offset_mask.weight"].any()
    assert np.all(weights["base.level0.1.weight"] == 1)
    assert weights["base.level0.1.num_batches_tracked"].dtype == np.int64
    spread = weights["base.level5.tree1.conv2.weight"].std()
    np.testing.assert_allclose(spread, np.sqrt(2 / (9 * 512)), rtol=0.01)


def test_enlargements_start_as_linear_interpolation():
    kernel = initial_weights(build_graph(NetworkConfig(architecture="dla_34")))["ida_up.up_1.weight"][5, 0]
    np.testing.assert_allclose(kernel[0], np.array([0.25, 0.75, 0.75, 0.25]) * 0.25)
    # Every second tap in both directions reaches an output cell: their weights sum to 1.
    np.testing.assert_allclose(kernel[::2, ::2].sum(), 1)
    np.testing.assert_allclose(kernel[1::2, ::2].sum(), 1)


def test_classifier_start_values():
    weight, bias = initial_classifier(40, 16, seed=3)
    assert weight.shape == (40, 16)
    assert bias.shape == (40,)
    assert np.abs(weight).max() <= 0.25
    assert np.abs(weight).max() > 0.24


def test_a_network_without_batch_norms_starts_alive():
    graph = build_graph(NetworkConfig(architecture="lite", classes=2))
    weights = initial_weights(graph)
    scores = 1 / (1 + np.exp(-weights["bbox_head.rtm_cls.1.bias"].astype(np.float64)))
    np.testing.assert_allclose(scores, [0.01, 0.01], rtol=1e-6)
    np.testing.assert_array_equal(weights["bbox_head.rtm_reg.2.bias"], np.full(4, 2, np.float32))
    # Every channel starts by about one half: the gate is 1 / 2 + x / 6.
    assert not weights["backbone.stage1.1.attention.fc.bias"].any()
    assert np.abs(weights["backbone.stage1.1.attention.fc.weight"]).max() < 0.06
    pointwise = weights["neck.out_convs.2.pointwise_conv.conv.weight"][..., 0, 0]  # 256 channels to 64
    np.testing.assert_allclose(pointwise @ pointwise.T, 1.27**2 * np.eye(64), atol=1e-5)
    depthwise = weights["neck.out_convs.2.depthwise_conv.conv.weight"][:, 0]
    assert depthwise[:, 1, 1].mean() > 10 * np.abs(depthwise[:, 0].mean())
