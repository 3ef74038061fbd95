"""The kinds as msgspec structs: the single source of decoding, encoding, CRDs and reference pages."""
