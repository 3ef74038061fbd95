"""Ways of signing: one module or folder each, the same Protocol."""
