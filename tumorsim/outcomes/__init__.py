"""Outcomes: pure functions of the state. What is left, where and why; what an image shows; what it cost."""
