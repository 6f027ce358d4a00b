"""The workshop: torch, transformers, peft, onnx, pyarrow. Imported by job children only."""
