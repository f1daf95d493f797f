"""Why an outcome is possible or not, and what to do about it."""
