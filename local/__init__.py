"""The whole stack on one machine: `make up`, or `python -m local up`.

`up` is one process, the supervisor. Each step below ends with it, however it ends (supervisor.py,
process.py):

1. claim the state directory: a lock that the process holds (state.py);
2. start the AWS emulator as a child process, on 127.0.0.1 and with IAM enforced (emulator.py);
3. read Pulumi.local.yaml and run infra/'s Pulumi program in this process: local/deploy
   answers Pulumi's requests with calls to the emulator;
4. write state.json: process ids, endpoint, keys and stack outputs, for every other command and for
   `ops --stack local`;
5. start the poller as a child process: local/event_source_mappings delivers every stream and queue
   that is mapped to a function, by the rules of delivery/. Step 3 refused what it can't deliver;
6. serve the registration page with its live view (page/) and call each function once (actions.py);
7. loop: restart the poller if it ended, deploy edited functions (reload.py), print the log
   (output.py).

Who ends whom: Ctrl-C, SIGTERM or SIGHUP ends the supervisor, which stops page, poller and emulator
in that order. If the supervisor is killed, parent_watch.py ends its children. If the emulator ends,
the stack ends, because all data is in its memory; end.txt keeps the reason for the next command. If
the poller ends, it is started again from its checkpoints.

engine/ is a package of its own: it runs the same program through the real Pulumi engine, over an
emulator.

May import: functions, infra, delivery and guardrails; not ops, capacity, benchmarks or tests.
Start reading at `up` in commands/up_and_down.py, then supervisor.py. cli.py lists the commands.
"""
