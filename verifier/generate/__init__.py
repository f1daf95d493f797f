"""Tests by their shape: cycles of edges, as texts of files."""
