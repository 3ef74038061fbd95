"""Reproducible benchmarks: `python -m bench [--quick] [NAME…]` prints a table and writes the figures as JSON.

    issuance     Ingress POST until Secret, one after another; API requests per certificate    bench/issuance.py
    renewal      API requests per renewal                                                      bench/renewal.py
    throughput   many Ingresses at once: time, and CPU per certificate                         bench/throughput.py
    memory       of the shim and of the webhook, after all of the above                        bench/memory.py
    deadnames    live hosts beside 200 dead ones, against alone                                bench/deadnames.py
    ca           many Certificates of a CA of one's own: time, CPU, requests and events per certificate   bench/ca.py
    restart      a start among thousands of Certificates that are well                         bench/restart.py
    webhook      CPU per review, standalone                                                    bench/webhook.py

All but the last run on the kit (`tests/cluster`) with the product under the RBAC that is shipped.
"""
