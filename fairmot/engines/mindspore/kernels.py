"""The instruction set of MindSpore's convolutions on a processor: AVX2 where oneDNN has nothing better for its layout.

MindSpore hands oneDNN its maps as they are (NCHW). With AVX-512 or AMX, oneDNN 3.10 then chooses a plain loop
(``jit_uni_ncsp:conv+ref:any``): a training step of ``dla_34`` takes 202 s instead of 24.5 s, of ``lite`` 6.2 s instead
of 2.3 s (576 x 320, batch 1, one thread, MindSpore 2.10). Below AVX-512 it multiplies matrices.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Collection, Mapping
from pathlib import Path

VARIABLES = ("ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA")
"""What a person sets to choose otherwise: ``ALL`` for no limit, or any other name that oneDNN knows."""

_AVX2 = 0x7
"""oneDNN's number (``dnnl_cpu_isa_avx2``)."""
_NAMES = {0x1: "SSE4.1", 0x3: "AVX", _AVX2: "AVX2", 0xF: "AVX2 with VNNI", 0x1F: "AVX2 with VNNI 2"}


def wants_limit(flags: Collection[str], environment: Mapping[str, str] = os.environ) -> bool:
    """Return whether convolutions are faster without AVX-512: a processor with these flags has it, and nobody chose."""
    return "avx512f" in flags and not any(environment.get(name) for name in VARIABLES)


def limit_instruction_set() -> None:
    """Limit oneDNN to AVX2 where that is faster; without effect after the first operation of the process.

    The limit is MindSpore's own: PyTorch and OpenVINO, which bring a oneDNN of their own, keep theirs.
    """
    if wants_limit(processor_flags()) and (library := _library()) is not None:
        library.dnnl_set_max_cpu_isa(_AVX2)


def describe_instruction_set() -> str:
    """Return what the convolutions use, and whether that is a limit; empty where oneDNN cannot be asked."""
    library = _library()
    if library is None:
        return ""
    used = library.dnnl_get_effective_cpu_isa()
    name = _NAMES.get(used, "AVX-512" if used > max(_NAMES) else "no known instruction set")
    flags = processor_flags()
    if "avx512f" not in flags or used > max(_NAMES):
        return f"convolutions with {name}"
    if wants_limit(flags):
        return f"convolutions limited to {name}, faster here than AVX-512 ({VARIABLES[0]}=ALL lifts the limit)"
    return f"convolutions limited to {name} by the environment"


def processor_flags() -> frozenset[str]:
    """Return the features of this processor by Linux's names; empty on other systems."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return frozenset()
    line = next((line for line in text.splitlines() if line.startswith("flags")), "")
    return frozenset(line.partition(":")[2].split())


def _library() -> ctypes.CDLL | None:
    """MindSpore's oneDNN, which is loaded already: the same file is not loaded twice."""
    import mindspore

    found = sorted(Path(mindspore.__file__).parent.glob("lib/libdnnl.so*"))
    return ctypes.CDLL(str(found[0])) if found else None
