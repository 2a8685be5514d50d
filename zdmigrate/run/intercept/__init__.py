"""Revisions whose statements depend on rows: their own upgrade() runs, each statement judged before it is sent."""
