"""What scripts/real_histories.py is made of. Not part of the packages."""
