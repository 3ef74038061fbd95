"""What the image is made of, and how: run by the Containerfile, not part of the product."""
