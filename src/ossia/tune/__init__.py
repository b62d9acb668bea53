"""Training, with transformers and PEFT. Nothing here is imported by running a model."""
