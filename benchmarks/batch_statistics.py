"""Batch-norm statistics for averaged weights: means and variances measured again on training images.

    python benchmarks/batch_statistics.py WEIGHTS CONFIG --write OUT [--batches 200] [--set a.b=value ...]

Averaged weights (``optimizer.ema_decay``) are saved with the statistics of the newest weights, which belong to a
slightly different network. This runs batches like those of the run's last epochs through the network in training mode
and keeps the mean of their statistics; nothing is trained. (Izmailov et al. 2018, Averaging Weights Leads to Wider
Optima.)
"""

import argparse
import itertools
from pathlib import Path

import numpy as np
import torch

from fairmot.config import load_config
from fairmot.data.loader import create_loader
from fairmot.engines.torch.training_network import TrainingNetwork
from fairmot.network.architectures import build_graph
from fairmot.network.layers import BatchNorm
from fairmot.network.safetensors import load_weights, save_weights

STATISTICS = ("running_mean", "running_var")


@torch.no_grad()
def measure(graph, arrays, batches):
    """Return the arrays with the mean statistics of these batches."""
    network = TrainingNetwork(graph, None)
    network.load_arrays(arrays)
    network.train()
    momentum = {node.name: node.layer.momentum for node in graph.nodes if isinstance(node.layer, BatchNorm)}
    state = network.state_dict()
    sums = {f"{name}.{kind}": 0.0 for name in momentum for kind in STATISTICS}
    count = 0
    for batch in batches:
        for name in sums:
            state[name].zero_()  # so that the state afterwards holds the contribution of this batch alone
        network(torch.from_numpy(batch.images).permute(0, 3, 1, 2).flip(1).float().div(255))
        for name in sums:
            sums[name] = sums[name] + state[name].double().numpy() / momentum[name.rpartition(".")[0]]
        count += 1
    return arrays | {name: (total / count).astype(np.float32) for name, total in sums.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", type=Path, help="averaged weights")
    parser.add_argument("config", help="configuration of the training run")
    parser.add_argument("--write", type=Path, required=True, help="weight file to write, with the new statistics")
    parser.add_argument("--batches", type=int, default=200, help="batches to measure on")
    parser.add_argument("--set", action="append", default=[], help="change the configuration: a.b=value")
    arguments = parser.parse_args()
    config = load_config(arguments.config, tuple(arguments.set))
    file = load_weights(arguments.weights)
    loader, last = create_loader(config), config.train.epochs - 1
    batches = itertools.islice(
        itertools.chain.from_iterable(loader.epoch(last + n) for n in range(99)), arguments.batches
    )
    arrays = measure(build_graph(file.network), file.arrays, batches)
    save_weights(arguments.write, file.network, arrays, file.notes)
    print(f"{arguments.write}: statistics of {arguments.batches} batches of {config.train.batch_size}")


if __name__ == "__main__":
    main()
