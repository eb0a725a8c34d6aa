"""Vessels: the graph, its growth and files, blood viscosity and flow, and the supply of every site."""
