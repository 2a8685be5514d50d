"""What this code is called: in the fleet, on pages, and in its manifest."""

VERSION = "1.0"
