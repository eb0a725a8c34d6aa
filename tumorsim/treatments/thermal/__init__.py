"""Heat: where needles put their power, before any of it is conducted away."""
