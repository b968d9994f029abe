"""What is wrong with one link, from its own samples: one module a rule, pure functions over arrays."""
