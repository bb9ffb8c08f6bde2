"""The messages between clients and ecFlow servers: what is sent, what is taken, and how an exchange ends."""
