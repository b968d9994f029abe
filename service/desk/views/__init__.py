"""What the desk's pages say: pure functions from what was read to frozen view models."""
