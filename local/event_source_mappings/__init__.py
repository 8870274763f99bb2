"""The process that delivers the local stack's streams and queues to their functions.

It serves every event source mapping of the emulator's account, in place of Lambda's own pollers.
The rules are delivery/'s; here are the calls:

service         finds the mappings, starts and ends their delivery, publishes counts and states
served_mapping  one mapping in a thread of its own; what fails there ends no other
poller          carries out a delivery's actions, each call in its own thread
stream_ports    a stream's calls: read, invoke, send failure documents (stream_reader: the shards)
queue_ports     a queue's calls: receive, hide, invoke, delete
function        invokes a function
checkpoint_file where a mapping's checkpoint is kept
status          `mappings.json`: what `python -m local status` shows of each mapping

Start reading at `service.MappingsService.run`.
"""
