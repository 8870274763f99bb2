"""The operators' command line, `python -m ops`, over a library; docs/ops.md describes the commands.

    cli            names the stack and lists the commands; imports each when it is named
    commands/      one function per command: parse, call the library, print
    context        what commands share: CommandContext, options, exit codes

    dead_letters/  peek at the dead-letter queue, select, replay, export, restore
    users/         backfill the history of older users; hold users, keys and histories together
    person/        find one person; the places that hold data of a person; export them
    health/        the stack's state in one object

    aws/           an adapter for each AWS service; `services` opens them for one stack
    consumers      the declared consumers, with their resources in one stack
    stack_outputs  reads a stack's outputs from pulumi, a file, or the local stack
    errors, output, layout, job    exit codes; JSON; tables; stopping, progress and pauses

Each block imports only from itself and the blocks below it. From other packages ops imports
functions (records, envelopes, keys), infra (consumers, outputs, naming, settings), capacity, and of
local its state and its kind of command group; never tests, benchmarks or guardrails.

Start with commands/dlq_replay.py and dead_letters/replay.py: a failed record goes through the
function that failed again, and `Replay._delete` deletes its message from the queue with that
consumer's proof. `dlq discard` deletes messages in dead_letters/export.py, once they are in a file.
"""
