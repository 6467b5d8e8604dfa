"""The MindSpore engine: CPU and Ascend. Its modules are listed in ``fairmot.engines``."""
