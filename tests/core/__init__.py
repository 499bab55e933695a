"""Tests of the floor without Qt and onnxruntime."""
