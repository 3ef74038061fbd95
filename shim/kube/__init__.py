"""The API server: transport, typed client, informers with their stores, leases, events.  Knows no kind."""
