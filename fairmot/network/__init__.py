"""The network as data: architectures, graphs, initial weights, weight files."""
