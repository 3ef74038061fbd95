"""Ways of proving control over a name: one module or folder each, the same Protocol."""
