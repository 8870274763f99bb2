"""What a running stack has lost: resources that its outputs name and the emulator lacks."""

from local.aws_clients import Clients
from local.state import LocalStack, functions_of


def lost_resources(stack: LocalStack, clients: Clients) -> list[str]:
    """Return the names of tables, queues, functions and the API that are gone.

    Raise ClientError or BotoCoreError if the emulator doesn't say.
    """
    named = stack.outputs.model_dump(by_alias=True)
    tables = {value for name, value in named.items() if name.endswith("TableName") and value}
    queues = {value for name, value in named.items() if name.endswith("QueueUrl") and value}
    functions = set(functions_of(stack.outputs).values())
    api = stack.outputs.api_url.rpartition("/")[2]
    for page in clients.dynamodb.get_paginator("list_tables").paginate():
        tables.difference_update(page["TableNames"])
    for page in clients.lambda_.get_paginator("list_functions").paginate():
        functions.difference_update(each.get("FunctionName", "") for each in page["Functions"])
    queues.difference_update(clients.sqs.list_queues().get("QueueUrls", []))
    apis = {each.get("ApiId") for each in clients.apigatewayv2.get_apis()["Items"]}
    gone = tables | functions | {url.rpartition("/")[2] for url in queues}
    return sorted(gone) + ([f"API {api}"] if api not in apis else [])
