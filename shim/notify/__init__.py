"""Messages to people about certificates in trouble: by webhook, Slack and mail (docs/notifications.md).

    stores ──gathering──> troubles ──certs.decide.incidents──> what is due ──a thread for each receiver──> sent
                                            └── memory: one ConfigMap

Nothing here is on the way of a certificate: a receiver that is down costs a thread of its own its time.
"""
