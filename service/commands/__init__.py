"""The commands of ``onecard``, one file for each room of them.

In: arguments that click has checked. Out: text, JSON or CSV on standard output, progress and errors on
standard error, an exit code. Imports of the engine lie inside the commands, so that ``--help`` is fast.
"""
