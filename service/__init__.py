"""The doors: everything through which people and machines reach the engine, and nothing else.

In: commands (``onecard …``), HTTP requests with batches, messages from other nodes, settings.
Out: receipts, verdicts, reports and papers that the packages below have made.

It opens the node's home (settings, keys, database), hands bytes to ``clearing`` and dates to
``settlement``, and turns their answers into text, JSON and exit codes. It must not decide what a
tap costs, what a verdict is or who is owed money, and it holds no SQL about taps and entries: a
door that knows such things gives another answer than the door beside it. Nothing imports it.
"""
