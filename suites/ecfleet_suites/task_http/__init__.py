"""Child commands over HTTP: what a job's client sends, what becomes of the node, and how it fails."""
