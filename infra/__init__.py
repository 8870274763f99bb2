"""The Pulumi program: from a stack's settings to its resources and its exported outputs.

Pipeline, which `program.deploy` runs from top to bottom:

1. settings/ reads the configuration (`stack_file`) and checks it (`check`) against `model`.
2. packaging.py builds each function's zip from what its handler imports.
3. `program.compose` creates the components, each in a file of components/:
   - users_store: the tables Users (with its stream), UserKeys and Activity;
   - user_api: the HTTP API, its routes, register_user and manage_users;
   - change_stream: the event source mapping, log_user_changes and rescue_failed_batches;
     failed_records: its failure queue, dead-letter queue and bucket;
   - user_events: the bus and the archive of the events for other teams;
   - website: the registration page behind CloudFront, and its config.json;
   - monitoring: the alarms (IteratorAge and all others are in alarms.py), the topic they
     notify, and the dashboard;
   - lambda_function, private_bucket, policy: what the others are built from.
4. `program.compose` exports the outputs of outputs.py.

Start with program.py, then read the component that you want to change. For a new setting start
with settings/model.py. naming.py has the rule for names.

infra imports no other package of the project: functions/ is packaged, not imported. naming,
outputs, site_config, settings/model and settings/check don't import Pulumi, so that the command
lines start quickly.
"""
