"""Decides whether the ordering in kernel memory-management code is right."""
