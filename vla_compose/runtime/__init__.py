"""The few torch pieces that torch itself lacks. Each file is copied whole into the modules that need it."""
