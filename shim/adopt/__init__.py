"""Taking an installation over from cert-manager, and giving it back: `certshim adopt`."""
