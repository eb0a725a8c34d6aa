"""Cells: the rule of one cell, the kernels that apply it to all, where births go, and the population."""
