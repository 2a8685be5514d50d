"""What replication does with rows while only one side of a pair has an ALTER: measured, as a matrix.

`cases` holds the ALTERs and the writes, `pair` two replicating servers, `runs` carries one case out, `matrix` reads and
writes the results in `docs/replication/`.
"""
