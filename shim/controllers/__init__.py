"""One module per kind: how it observes through the stores and acts on the outside."""
