"""The story: a shop under load while its version, its schema and its primary change.

python -m scripts.story --help
"""
