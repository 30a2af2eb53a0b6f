"""Training an adapter inside a model: what trains, in which groups, and where LoRA goes."""
