"""`certshim check`: the judge of admission over files, with no cluster.

    arguments -> sources -> reading -> objects -> structure -> judging -> results -> output

`reading` gives each document as a tree that knows its lines; `objects` says which of them are ours; `structure`
holds each against its CRD, all mistakes at once; `judging` asks `certs.judge`, as the API server would; `output`
tells the results to people, editors and CI.  Nothing here knows of clusters or of the command line.
"""
