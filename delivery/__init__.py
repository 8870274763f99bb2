"""AWS Lambda's event source mapping for a DynamoDB stream: a library without clock or I/O.

`Delivery.step(now, events)` takes what happened and returns the actions to carry out: read a shard,
invoke the function, send a failure document, save the checkpoint. The caller carries them out and
passes each result to a later step. local/stream_poller does so with AWS's APIs; the capacity model,
the soak and the tests do so in virtual time.

The modules, in the order in which a record passes them:

settings           the mapping's settings, read from GetEventSourceMapping
assumptions        what AWS doesn't document: each choice with its source or reason
messages           the actions a delivery returns, the events it takes, the checkpoint
shard_set          lists the shards, reads a parent to its end before its children
records            a stream record, and when waiting records become a batch
shard              one shard: its lanes, and how far it is settled. A lane is one of the shard's
                   ParallelizationFactor slots, with at most one batch in flight
decisions          what follows from an invocation: checkpoint, retry, bisect or discard
failure_documents  the message about a discarded batch for the on-failure destination
delivery           all of it; sends the failure documents one after the other

Start at `delivery.Delivery.step`. A retry is decided in `decisions.decide`.

Sources: Lambda developer guide, "Using Lambda with DynamoDB" and "Retaining discarded batches for
a DynamoDB event source"; DynamoDB developer guide, "Reading and processing a stream". What they
leave open follows sequences that others recorded on AWS (tests/unit/delivery).

Imports nothing of the project but the JSON types of functions.runtime.json_log.
"""
