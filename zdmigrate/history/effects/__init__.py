"""What statements do to a catalog, and when a server refuses them; `history.apply` is the way in."""
