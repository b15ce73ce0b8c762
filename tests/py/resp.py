"""A bare RESP2 connection: replies as the server sent them, errors as values."""

import socket


class Error(str):
    __slots__ = ()


class Wire:
    def __init__(self, port: int, timeout: float = 60) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=timeout)
        self.replies = self.socket.makefile("rb")

    def close(self) -> None:
        self.replies.close()
        self.socket.close()

    def send(self, *words: object) -> None:
        encoded = [w if isinstance(w, bytes) else str(w).encode() for w in words]
        parts = [b"*%d\r\n" % len(encoded)]
        parts += [b"$%d\r\n%b\r\n" % (len(word), word) for word in encoded]
        self.socket.sendall(b"".join(parts))

    def read(self) -> object:
        line = self.replies.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionError("the server closed the connection")
        kind, rest = line[:1], line[1:-2]
        if kind == b"+":
            return rest
        if kind == b"-":
            return Error(rest.decode())
        if kind == b":":
            return int(rest)
        length = int(rest)
        if length < 0:
            return None
        if kind == b"*":
            return [self.read() for _ in range(length)]
        return self.replies.read(length + 2)[:-2]

    def call(self, *words: object) -> object:
        self.send(*words)
        return self.read()

    def info(self, section: str) -> dict[str, str]:
        lines = self.call("INFO", section).decode().splitlines()
        return dict(line.split(":", 1) for line in lines if ":" in line)

    def node(self, node: int) -> dict[str, str]:
        """The fields of a node's line in INFO numa."""
        line = self.info("numa")[f"numa_node{node}"]
        return dict(field.split("=") for field in line.split(","))

    def key_info(self, key: object) -> dict[str, int | bytes]:
        """NUMAMIGRATE INFO of a key that exists."""
        reply = self.call("NUMAMIGRATE", "INFO", key)
        assert isinstance(reply, list), reply
        return {name.decode(): value for name, value in zip(reply[::2], reply[1::2], strict=True)}
