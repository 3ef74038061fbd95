"""The quick-start of cert-manager v0.9 to v0.12, walked as it was written, and the page that tells of the walk.

`tests/system/test_quick_start.py` walks it and looks whether `docs/quick-start.md` still tells the truth; `python -m
tests.quickstart` walks it and writes the page.
"""
