"""From a checked graph to the source of PyTorch modules. No torch here."""
