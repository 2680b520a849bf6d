"""Damaged files for every reader: `python -m tests.fuzz` runs as many as you ask for, the tests some hundred each.

A reader passes when each input is read or refused by a `ValueError` or `OSError` that names the file. Anything else is
a fault: another exception, a message without the file, a crash of the process, a hang, or memory that runs out.
"""
