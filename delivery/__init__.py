"""The event source mapping of the deployed stack on one machine: reads the Users stream, invokes, retries, gives up.

settings, parameters     what the mapping resource says; what AWS doesn't say
records, batching        records in the form of an event, and batches of them
response, failures       what an invocation means, and what follows from it
lane, progress, shard    one queue of batches, how far a shard is settled, one shard
lineage, outbox          parents before children; failure documents on their way
delivery                 all of it: events in, actions out, no clock and no I/O of its own
stream_reader, function_invoker, failure_destination, checkpoint_file, role_session
                         one service or file each
poller, __main__         carry out the actions until told to stop
"""
