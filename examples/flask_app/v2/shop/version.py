"""What this code is called: in the fleet, on pages, and in its manifest."""

VERSION = "2.0"
