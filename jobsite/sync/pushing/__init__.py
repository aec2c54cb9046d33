"""Job requests of backends with dispatch push are sent to a controller, which is asked how their jobs and the backends stand
(specification 10.1)."""
