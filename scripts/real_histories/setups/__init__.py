"""What an app's own migration command does before the first revision, for the apps whose revisions need it."""
