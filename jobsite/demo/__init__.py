"""The demo: a small real study, and the Python that can run it."""
