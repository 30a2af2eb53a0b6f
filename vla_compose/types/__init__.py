"""Symbolic sizes and edge types: what the checker reasons with. No torch, no YAML."""
