"""The ONNX engines: export with decoding inside the graph, run by ONNX Runtime or OpenVINO. They train nothing."""
