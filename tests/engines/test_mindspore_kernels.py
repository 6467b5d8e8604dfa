"""The limit of MindSpore's instruction set: where it is set, where a person's choice wins, and that it takes effect."""

import os
import subprocess
import sys

import pytest

pytest.importorskip("mindspore")

from fairmot.engines.mindspore import kernels
from fairmot.engines.mindspore.kernels import VARIABLES, describe_instruction_set, wants_limit

MODERN, OLDER = {"avx2", "avx512f", "amx_tile"}, {"avx", "avx2", "fma"}


def test_the_limit_is_for_processors_with_avx512_where_nobody_chose():
    assert wants_limit(MODERN, {})
    assert not wants_limit(OLDER, {})
    assert not wants_limit(set(), {})
    for name in VARIABLES:
        assert not wants_limit(MODERN, {name: "ALL"})
        assert wants_limit(MODERN, {name: ""})


class Library:
    """What the report asks of oneDNN."""

    def __init__(self, used):
        self.used = used

    def dnnl_get_effective_cpu_isa(self):
        return self.used


@pytest.mark.parametrize(
    ("flags", "used", "environment", "expected"),
    [
        (OLDER, 0x7, {}, "convolutions with AVX2"),
        (MODERN, 0x7, {}, "convolutions limited to AVX2, faster here than AVX-512 (ONEDNN_MAX_CPU_ISA=ALL"),
        (MODERN, 0x3, {"ONEDNN_MAX_CPU_ISA": "AVX"}, "convolutions limited to AVX by the environment"),
        (MODERN, 0xFEF, {"ONEDNN_MAX_CPU_ISA": "ALL"}, "convolutions with AVX-512"),
    ],
)
def test_the_report_names_the_limit_and_how_to_lift_it(monkeypatch, flags, used, environment, expected):
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(kernels, "processor_flags", lambda: frozenset(flags))
    monkeypatch.setattr(kernels, "_library", lambda: Library(used))
    assert describe_instruction_set().startswith(expected)


PROGRAM = """
from fairmot.engines.mindspore import kernels
kernels.processor_flags = lambda: frozenset({"avx512f"})
kernels._AVX2 = 0x3  # lower than what any machine of the tests would take by itself
from fairmot.workflows.doctor import convolution_gflops
convolution_gflops("mindspore")
print(hex(kernels._library().dnnl_get_effective_cpu_isa()))
"""


@pytest.mark.slow
@pytest.mark.parametrize(("choice", "limited"), [("", True), ("ALL", False)])
def test_the_limit_takes_effect_and_a_choice_lifts_it(choice, limited):
    environment = {**os.environ, "ONEDNN_MAX_CPU_ISA": choice}
    found = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=True, timeout=300
    )
    assert (found.stdout.splitlines()[-1] == "0x3") == limited
