"""The adapters of transformers, with the weights of a checkpoint, to compare with."""
