"""ONNX Runtime: models, providers, tiles, whole-picture prediction."""
