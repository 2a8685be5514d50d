"""M07 socket."""

import socket

revision = "m07_socket"
down_revision = "m06_second_engine"


def upgrade():
    socket.create_connection(("db.example.com", 3306))
