"""AWS Lambda's event source mapping for a DynamoDB stream or an SQS queue, without clock or I/O.

`Delivery.step(now, events)` takes what happened and returns the actions to carry out: read a shard,
invoke the function, send a failure document, save the checkpoint. The caller carries them out and
passes each result to a later step; `QueueDelivery` does the same for a queue.
local/event_source_mappings does so with AWS's APIs; the capacity model, the soak and the tests do
so in virtual time.

The modules of both, then those of a stream in the order in which a record passes them, then those
of a queue:

settings           the mapping's settings, read from GetEventSourceMapping; refuses what isn't here
assumptions        what AWS doesn't document: each choice with its source or reason
filters            FilterCriteria: which records go to the function
decisions          what follows from an invocation: checkpoint, retry, bisect or discard
schedule           when a repeated call is due
event_counts       what became of the records, as AWS's EventCount metrics say it
messages           the actions a delivery returns, the events it takes, the checkpoint
shard_set          lists the shards, reads a parent to its end before its children
records            a stream record, and when waiting records become a batch
shard              one shard: its lanes, and how far it is settled. A lane is one of the shard's
                   ParallelizationFactor slots, with at most one batch in flight
failure_documents  the message about a discarded batch for the on-failure destination
delivery           all of it; sends the failure documents one after the other
queue_messages     as `messages`, and a queue's message in Lambda's form
queue              receives, invokes, deletes

Start at `delivery.Delivery.step`. A retry is decided in `decisions.decide`.

Sources: Lambda developer guide, "Using Lambda with DynamoDB", "Retaining discarded batches for a
DynamoDB event source", "Using Lambda with Amazon SQS" and "Control which events Lambda sends to
your function"; DynamoDB developer guide, "Reading and processing a stream". What they leave open
follows sequences that others recorded on AWS (tests/unit/delivery), or `Assumptions`.

Imports nothing of the project but the JSON types of functions.runtime.json_log.
"""
