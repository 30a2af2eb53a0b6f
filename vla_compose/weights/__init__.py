"""Weights of released checkpoints: their names, reading, loading and saving. Imports without torch."""
