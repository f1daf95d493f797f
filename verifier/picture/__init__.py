"""Runs and explanations as pictures: SVG, and pages of HTML."""
