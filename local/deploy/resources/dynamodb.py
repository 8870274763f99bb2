"""DynamoDB tables."""

from collections.abc import Mapping
from typing import Any, ClassVar

from typing_extensions import override

from local.deploy.resources.clients import Clients
from local.deploy.resources.handler import Properties, ResourceHandler, changed
from local.deploy.resources.values import present, tag_changes, tag_list, tag_map


class Table(ResourceHandler):
    """A table without secondary indexes."""

    pulumi_type: ClassVar[str] = "aws:dynamodb/table:Table"
    supported: ClassVar[frozenset[str]] = frozenset(
        {
            "attributes",
            "billingMode",
            "deletionProtectionEnabled",
            "hashKey",
            "name",
            "pointInTimeRecovery",
            "rangeKey",
            "serverSideEncryption",
            "streamEnabled",
            "streamViewType",
            "tags",
            "ttl",
        }
    )
    required: ClassVar[frozenset[str]] = frozenset({"attributes", "billingMode", "hashKey", "name"})
    replace_on: ClassVar[frozenset[str]] = frozenset({"name", "hashKey", "rangeKey"})
    recomputed: ClassVar[Mapping[str, frozenset[str]]] = dict.fromkeys(
        ("streamEnabled", "streamViewType"), frozenset({"streamArn", "streamLabel"})
    )

    @override
    def _create(self, clients: Clients, inputs: Properties) -> str:
        clients.dynamodb.create_table(
            TableName=inputs["name"],
            AttributeDefinitions=[
                {"AttributeName": attribute["name"], "AttributeType": attribute["type"]}
                for attribute in inputs["attributes"]
            ],
            KeySchema=_key_schema(inputs),
            BillingMode=inputs["billingMode"],
            DeletionProtectionEnabled=inputs.get("deletionProtectionEnabled", False),
            Tags=tag_list(inputs.get("tags", {})),  # pyright: ignore[reportArgumentType]  the same shape as TagTypeDef
            **present(
                StreamSpecification=_stream(inputs) if inputs.get("streamEnabled") else None,
                SSESpecification=_encryption(inputs),
            ),
        )
        if inputs.get("ttl", {}).get("enabled"):
            self._set_ttl(clients, inputs["name"], inputs["ttl"])
        if inputs.get("pointInTimeRecovery", {}).get("enabled"):
            self._set_recovery(clients, inputs["name"], enabled=True)
        return inputs["name"]

    @override
    def _read(self, clients: Clients, resource_id: str, state: Properties) -> Properties:
        table = clients.dynamodb.describe_table(TableName=resource_id)["Table"]
        stream = table.get("StreamSpecification", {})
        keys = {element["KeyType"]: element["AttributeName"] for element in table.get("KeySchema", [])}
        ttl = clients.dynamodb.describe_time_to_live(TableName=resource_id)["TimeToLiveDescription"]
        backups = clients.dynamodb.describe_continuous_backups(TableName=resource_id)["ContinuousBackupsDescription"]
        recovery = backups.get("PointInTimeRecoveryDescription", {}).get("PointInTimeRecoveryStatus")
        tags = clients.dynamodb.list_tags_of_resource(ResourceArn=table.get("TableArn", "")).get("Tags", [])
        properties: dict[str, Any] = {
            "name": resource_id,
            "arn": table.get("TableArn"),
            "attributes": [
                {"name": attribute["AttributeName"], "type": attribute["AttributeType"]}
                for attribute in table.get("AttributeDefinitions", [])
            ],
            "hashKey": keys["HASH"],
            "billingMode": table.get("BillingModeSummary", {}).get("BillingMode", "PROVISIONED"),
            "deletionProtectionEnabled": table.get("DeletionProtectionEnabled", False),
            "streamEnabled": stream.get("StreamEnabled", False),
            "pointInTimeRecovery": {"enabled": recovery == "ENABLED"},
            "tags": tag_map(tags),
        }
        if "RANGE" in keys:
            properties["rangeKey"] = keys["RANGE"]
        if properties["streamEnabled"]:
            properties |= {
                "streamViewType": stream.get("StreamViewType"),
                "streamArn": table.get("LatestStreamArn"),
                "streamLabel": table.get("LatestStreamLabel"),
            }
        if ttl.get("TimeToLiveStatus") in {"ENABLED", "ENABLING"}:
            properties["ttl"] = {"attributeName": ttl.get("AttributeName"), "enabled": True}
        return properties

    @override
    def _update(self, clients: Clients, resource_id: str, old: Properties, new: Properties) -> None:
        dynamodb = clients.dynamodb
        # One thing per call: DynamoDB refuses to change two of these at once.
        if changed(old, new, "billingMode"):
            dynamodb.update_table(TableName=resource_id, BillingMode=new["billingMode"])
        if changed(old, new, "deletionProtectionEnabled"):
            dynamodb.update_table(
                TableName=resource_id, DeletionProtectionEnabled=new.get("deletionProtectionEnabled", False)
            )
        if changed(old, new, "serverSideEncryption"):
            dynamodb.update_table(TableName=resource_id, SSESpecification=_encryption(new) or {"Enabled": False})
        if bool(old.get("streamEnabled")) != bool(new.get("streamEnabled")) or changed(old, new, "streamViewType"):
            self._change_stream(clients, resource_id, old, new)
        if changed(old, new, "ttl"):
            self._set_ttl(clients, resource_id, new.get("ttl") or {**old["ttl"], "enabled": False})
        if changed(old, new, "pointInTimeRecovery"):
            self._set_recovery(
                clients, resource_id, enabled=bool(new.get("pointInTimeRecovery", {}).get("enabled", False))
            )
        removed, added = tag_changes(old, new)
        if removed:
            dynamodb.untag_resource(ResourceArn=old["arn"], TagKeys=removed)
        if added:
            dynamodb.tag_resource(
                ResourceArn=old["arn"],
                Tags=tag_list(added),  # pyright: ignore[reportArgumentType]  as above
            )

    @override
    def _delete(self, clients: Clients, resource_id: str, state: Properties) -> None:
        clients.dynamodb.delete_table(TableName=resource_id)

    def _change_stream(self, clients: Clients, table_name: str, old: Properties, new: Properties) -> None:
        # A stream's view can't be changed: the old stream ends, another begins.
        if old.get("streamEnabled"):
            clients.dynamodb.update_table(TableName=table_name, StreamSpecification={"StreamEnabled": False})
        if new.get("streamEnabled"):
            clients.dynamodb.update_table(TableName=table_name, StreamSpecification=_stream(new))

    def _set_ttl(self, clients: Clients, table_name: str, ttl: Properties) -> None:
        clients.dynamodb.update_time_to_live(
            TableName=table_name,
            TimeToLiveSpecification={"Enabled": ttl.get("enabled", False), "AttributeName": ttl["attributeName"]},
        )

    def _set_recovery(self, clients: Clients, table_name: str, *, enabled: bool) -> None:
        clients.dynamodb.update_continuous_backups(
            TableName=table_name, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": enabled}
        )


def _key_schema(inputs: Properties) -> Any:
    keys = [{"AttributeName": inputs["hashKey"], "KeyType": "HASH"}]
    if "rangeKey" in inputs:
        keys.append({"AttributeName": inputs["rangeKey"], "KeyType": "RANGE"})
    return keys


def _stream(inputs: Properties) -> Any:
    return {"StreamEnabled": True, "StreamViewType": inputs["streamViewType"]}


def _encryption(inputs: Properties) -> Any:
    encryption = inputs.get("serverSideEncryption")
    if encryption is None:
        return None
    return present(
        Enabled=encryption["enabled"],
        SSEType="KMS" if encryption["enabled"] else None,
        KMSMasterKeyId=encryption.get("kmsKeyArn"),
    )
