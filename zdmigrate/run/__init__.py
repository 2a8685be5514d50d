"""DO it: carry plans out on live servers, and move the primary. Nothing here prints; callers get values and errors."""
