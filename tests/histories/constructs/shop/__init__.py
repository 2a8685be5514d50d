"""A small app the revisions import."""
