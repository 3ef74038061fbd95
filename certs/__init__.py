"""The domain: what a certificate, an issuer, an order is, what is wrong with one, and what comes next.

Pure by contract (import-linter holds it to that): no sockets, files, threads, clock,
randomness or logging.  `now`, random draws and bytes come in as arguments, decisions and
problems go out as values, so that every argument about behaviour is settled by a table of cases.
"""
