"""A module of the app that cannot be imported to its end."""

LENGTH = 30

raise RuntimeError("the app is not configured")
