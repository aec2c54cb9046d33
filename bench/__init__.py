"""Benchmarks: `make bench` prints a table and keeps the figures; nothing here is a test."""
