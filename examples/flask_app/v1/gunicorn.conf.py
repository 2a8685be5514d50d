"""How a node runs: a few threads in each of two processes, in the fleet from the start."""

workers = 2
worker_class = "gthread"
threads = 8
keepalive = 75
graceful_timeout = 20


def post_worker_init(worker):
    """Send heartbeats also while nobody has asked this process anything yet."""
    worker.wsgi.extensions["fleet"].start()
