"""Holds the embedded PostgreSQL: finds its programs, makes its data, starts, shares and stops it.

In: a node's home directory and the environment. Out: a running server behind a socket that only
its owner can reach, for as long as somebody uses it and not a moment longer. ``service.database``
is the door to it; nobody else needs what is here.

How it lives. Beside every server runs a small **supervisor**, a process of its own that started the
server and holds it. Each process that uses the database keeps a connection to the supervisor open;
the kernel closes it when that process ends, however it ends. When the last one is gone the
supervisor stops the server and ends. When the supervisor itself is killed, the kernel sends the
server the signal of an orderly shutdown. So no death of any process, in any order, leaves a server
behind, and none needs a clean-up by hand.

Files, in ``home/database``:

- ``data/`` PostgreSQL's own directory;
- ``server.log`` what the server and the supervisor say;
- ``supervisor.lock`` locked by the supervisor as long as it lives: who holds it may touch ``data/``;
- ``run`` the path of the directory with the sockets, which must be short and lies elsewhere.

Modules: ``binaries`` finds the programs; ``identity`` says as whom they run; ``cluster`` makes and
guards the data directory; ``supervisor`` is the process that holds the server; ``attachment`` is
the other end of its line. ``supervisor`` and what it imports use the standard library alone: it
starts in a bare interpreter, in a few hundredths of a second.

It must not know what is stored: not a table, not a card.
"""
