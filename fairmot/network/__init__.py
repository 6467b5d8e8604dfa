"""The network as data: graphs, start values, weight files."""
