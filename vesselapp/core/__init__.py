"""Pixels, evidence, strokes, model cards: numpy and codecs only, no Qt and no onnxruntime."""
