"""Models of transformers that an adapter can be put into. Imports without torch; see `registry`."""
