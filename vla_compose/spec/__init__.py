"""The language: reading YAML, and the fields of a spec."""
