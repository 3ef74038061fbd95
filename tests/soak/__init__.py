"""Faults on the real control plane, and whether certshim comes through them.

    load ──> API server <── watchers ──> invariants      (hold at every version of every object)
                 ^  │
      meddlers ──┘  │ relay
                 replicas <── faults                      (strike, heal)

A load of Certificates is created, edited, renewed and robbed of its Secrets, while faults strike the shim and what it
depends on.  Watchers look at every version of every object, and once all is healed a verdict is given: everything is as
it is wanted, within a bound; nothing was ever wrong meanwhile; the API server is asked no more than before.

The short form is in `tests/system/test_faults.py`, the long one is `python -m tests.soak --minutes 30` (`make soak`).
Every choice comes from one seed, which is printed.  Of the product it uses nothing but its command line.
"""
