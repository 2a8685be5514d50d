"""Catalogs from a dump, MetaData or a live server; `history.load` is the way in."""
