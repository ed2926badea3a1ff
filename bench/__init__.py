"""Measurements, not tests: ratios between things run side by side in one go, with the machine printed beside them."""
