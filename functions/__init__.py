"""What runs in AWS Lambda: one package per function, and the packages that they share.

Start reading at a handler. Each docstring on these paths says what its step does:

    A registration (POST /register)
        register_user/handler -> http_api/endpoint -> http_api/request -> users/fields
        -> users/attributes -> users/service -> users/user -> users/dynamodb_store
        -> users/transaction

    A record of the Users stream
        log_user_changes/handler -> log_user_changes/batch -> consumers/stream_batch
        -> stream_records/user_change -> stream_records/attribute_values
        -> activity/items -> activity/table           a change that can be processed
        -> dead_letters/envelope -> dead_letters/queue   a record that never can be

    A change, on to a consumer with a queue of its own
        fan_out_user_changes/handler -> fan_out_user_changes/activity_record -> consumers/message
        -> fan_out_user_changes/topic                 to the topic, and into the queues
        the consumer's handler -> consumers/runtime -> activity/reader -> consumers/queue_batch
        -> consumers/stored_change

manage_users reads and changes users and shows their history. rescue_failed_batches reads back the
batches that an event source mapping gave up on, takes what the consumers' queues gave up on, and
sends the records to the dead-letter queue.

runtime/ is the plumbing below all of them: AWS clients, clock, settings, JSON, log. What is
process-wide is set there alone: runtime/garbage_collection.py and the clients of runtime/aws.py.

Imports point downwards: handler -> logic -> store -> runtime. Logic (users/service, batch, rescue)
imports neither botocore nor HTTP, no function imports another, and nothing here imports infra, ops
or local. A zip holds what its handler imports, and every import is paid for at cold start.
"""
