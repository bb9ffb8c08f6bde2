"""What ecFlow means, as pure functions and plain data, each usable alone.

Nothing here opens a socket, reads a clock or touches a file: whatever time, password or file name
a function needs is handed in.
"""
