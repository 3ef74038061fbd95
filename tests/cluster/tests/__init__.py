"""Tests of the kit's own pure parts; what it does as a whole is in tests/system/test_kit.py."""
