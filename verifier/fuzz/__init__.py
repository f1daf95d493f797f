"""Random programs, and what the judges say about them."""
