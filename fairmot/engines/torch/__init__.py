"""The PyTorch engine: CPU and NVIDIA GPUs. Its modules are listed in ``fairmot.engines``."""
