import numpy as np
import pytest

from fairmot.errors import InputError
from fairmot.network.architectures import ARCHITECTURES, build_graph, published_config
from fairmot.network.dla import NEVER_USED
from fairmot.network.naming import NAMINGS, from_public, to_public

CASES = [(name, naming) for name in ARCHITECTURES for naming in NAMINGS if "dla" in name or naming[0] != "m"]
CASES += [(name, "mindspore") for name in ARCHITECTURES if "dla" not in name]


def numbered(architecture):
    """One number a parameter: only names matter here."""
    names = [parameter.name for parameter in build_graph(published_config(architecture)).parameters()]
    names += NEVER_USED if "dla" in architecture else []
    return {name: np.full(1, number, np.float32) for number, name in enumerate(names)}


@pytest.mark.parametrize(("architecture", "naming"), CASES)
def test_names_lead_there_and_back(architecture, naming):
    arrays = numbered(architecture)
    renamed = from_public(arrays, naming)
    found = to_public(renamed, "x.ckpt")
    assert (found.naming, found.dropped) == (naming, ())
    # The port for MindSpore Vision has biases of its own, which become part of a running mean.
    assert bool(found.remarks) == ((architecture, naming) == ("dlaconv_34", "mindvideo"))
    assert found.arrays.keys() == arrays.keys()
    assert all(found.arrays[name] == array for name, array in arrays.items())
    if naming != "public":
        assert sum(name.endswith(".gamma") for name in renamed) == sum(n.endswith("running_mean") for n in arrays)
        assert not any("running_" in name for name in renamed)


def test_unknown_names_stay_and_are_not_guessed():
    arrays = numbered("yolo") | {"hm.0.gamma": np.zeros(1), "strange": np.zeros(1)}
    found = to_public(arrays, "x")
    assert set(found.arrays) - set(numbered("yolo")) == {"hm.0.gamma", "strange"}


def test_the_identity_classifier_of_a_training_is_no_part_of_the_network():
    state = ("classifier.weight", "_loss.s_id", "moment2.hm.0.weight", "beta1_power", "epoch_num")
    found = to_public(numbered("lite") | {name: np.zeros(1) for name in state}, "x")
    assert found.dropped == state
    assert found.arrays.keys() == numbered("lite").keys()


def test_a_naming_for_another_network_is_refused():
    with pytest.raises(InputError, match="dla_34 and dlaconv_34"):
        from_public(numbered("yolo"), "mindvideo")
