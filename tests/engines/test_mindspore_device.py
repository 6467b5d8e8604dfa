"""How MindSpore waits for its kernels on a processor."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("mindspore")

PROGRAM = """
from pathlib import Path
from fairmot.engines.mindspore.device import use_device
use_device("cpu")
import mindspore as ms
from mindspore import Parameter, Tensor, nn, ops
class Net(nn.Cell):
    def __init__(self):
        super().__init__()
        self.p = Parameter(Tensor([1.0, 2.0]), name="p")
    def construct(self, x):
        return ops.tanh(x * self.p).sum()
net = Net()
ms.jit(ms.value_and_grad(net, None, net.trainable_params()))(Tensor([1.0, 2.0]))[0].asnumpy()
print(sorted(file.read_text().strip() for file in Path("/proc/self/task").glob("*/comm")))
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="lists threads as Linux does")
@pytest.mark.parametrize(("choice", "has_second"), [(None, False), ("0", True)])
def test_a_graph_is_run_by_the_thread_that_calls_it(tmp_path, choice, has_second):
    """The second thread is what the first one would wait for without a pause."""
    file = tmp_path / "program.py"  # MindSpore reads the source of what it compiles
    file.write_text(PROGRAM, encoding="utf-8")
    environment = {name: value for name, value in os.environ.items() if name != "MS_DEV_HOST_BLOCKING_RUN"}
    if choice is not None:
        environment["MS_DEV_HOST_BLOCKING_RUN"] = choice
    found = subprocess.run(
        [sys.executable, str(file)], env=environment, capture_output=True, text=True, check=True, timeout=300
    )
    assert ("frontend_queue" in found.stdout.splitlines()[-1]) == has_second
