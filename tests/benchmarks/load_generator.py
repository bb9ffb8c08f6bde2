"""A load of pings in a process of its own: `load_generator.py HOST PORT [CERTIFICATE]`.

Reads a count from each line of standard input, sends that many pings one after another, each on a
connection of its own as ecFlow clients do, and prints the seconds that they took.  With a certificate the
connections are TLS and trust that file alone.  It imports nothing of ecfleet, so that it costs every server
the same.
"""

from __future__ import annotations

import socket
import ssl
import sys
import time

PING = b"""{
"21ClientToServerRequest": {
"cmd_": {
"polymorphic_id": 2147483649,
"polymorphic_name": "CtsCmd",
"ptr_wrapper": {
"id": 2147483649,
"data": {
"cereal_class_version": 0,
"value0": {
"cereal_class_version": 0,
"value0": {
"cereal_class_version": 0,
"cl_host_": "localhost"
},
"user_": "user"
},
"api_": 8
}
}
}
}
}"""
REQUEST = b"%8x" % len(PING) + PING


def ping(address: tuple[str, int], context: ssl.SSLContext | None) -> None:
    """One exchange; raises AssertionError when the reply is not the OK."""
    connection = socket.create_connection(address)
    try:
        if context is not None:
            connection = context.wrap_socket(connection)
        connection.sendall(REQUEST)
        wanted, reply = 8, b""
        while len(reply) < wanted:
            data = connection.recv(4096)
            assert data, f"the server closed after {reply!r}"
            reply += data
            if len(reply) >= 8:
                wanted = 8 + int(reply[:8], 16)
        assert b'"api_": 0' in reply, reply
    finally:
        connection.close()


def main() -> None:
    """Serve counts from standard input until it ends."""
    address = (sys.argv[1], int(sys.argv[2]))
    context = None
    if len(sys.argv) > 3:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.load_verify_locations(sys.argv[3])
    for line in sys.stdin:
        began = time.perf_counter()
        for _ in range(int(line)):
            ping(address, context)
        print(time.perf_counter() - began, flush=True)


if __name__ == "__main__":
    main()
