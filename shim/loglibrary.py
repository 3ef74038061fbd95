"""structlog without rich.

Where rich is installed, structlog imports it for tracebacks that show the values of locals, in colours: 4 MB that the
shim has no use for, and values that may be keys.  The command line has rich for people's terminals, in the same image.
"""

from __future__ import annotations

import sys
from typing import Final

RICH: Final = "rich"


def import_plain() -> None:
    """Import structlog as if there were no rich, unless one of the two is there already; idempotent."""
    if RICH in sys.modules or "structlog" in sys.modules:
        return
    sys.modules[RICH] = None  # type: ignore[assignment]  # how Python marks what cannot be imported
    try:
        import structlog  # noqa: F401, PLC0415 - now, and not with the others
    finally:
        del sys.modules[RICH]
