"""DynamoDB tables without secondary indexes."""

from typing_extensions import override

from local.aws_clients import Clients
from local.deploy.handler import Draft, Properties, ResourceHandler, changed, without
from local.deploy.values import names

_KEY_TYPES = {"hashKey": "HASH", "rangeKey": "RANGE"}
_THROUGHPUT = names("onDemandThroughput warmThroughput")
_ONE_BY_ONE = ("billingMode", "deletionProtectionEnabled", *sorted(_THROUGHPUT))


class _Table(ResourceHandler):
    @override
    def _create(self, clients: Clients, inputs: Properties) -> str:
        table_name = super()._create(clients, inputs)
        for name in ("ttl", "pointInTimeRecovery"):
            if inputs.get(name, {}).get("enabled"):
                self._switch(clients, table_name, name, inputs[name])
        return table_name

    @override
    def _read(self, clients: Clients, resource_id: str, state: Properties) -> Properties:
        properties = super()._read(clients, resource_id, state)
        backups = clients.dynamodb.describe_continuous_backups(TableName=resource_id)["ContinuousBackupsDescription"]
        recovery = backups.get("PointInTimeRecoveryDescription", {}).get("PointInTimeRecoveryStatus")
        properties = {**properties, "pointInTimeRecovery": {"enabled": recovery == "ENABLED"}}
        ttl = clients.dynamodb.describe_time_to_live(TableName=resource_id)["TimeToLiveDescription"]
        if ttl.get("TimeToLiveStatus") in {"ENABLED", "ENABLING"}:
            properties["ttl"] = {"attributeName": ttl.get("AttributeName"), "enabled": True}
        return properties

    @override
    def _update(self, clients: Clients, resource_id: str, old: Properties, new: Properties) -> None:
        def update(change: Draft) -> None:
            self.send(clients, "UpdateTable", {"name": resource_id}, change)

        # One change per call: DynamoDB refuses two of these at once.
        for name in _ONE_BY_ONE:
            # The provider leaves a throughput that is no longer set as it is.
            if changed(old, new, name) and (name in new or name not in _THROUGHPUT):
                update({name: new.get(name, False)})
        if changed(old, new, "serverSideEncryption"):
            update({"sseSpecification": _encryption(new.get("serverSideEncryption", {"enabled": False}))})
        if bool(old.get("streamEnabled")) != bool(new.get("streamEnabled")) or changed(old, new, "streamViewType"):
            # A stream's view can't be changed: the old stream ends, another begins.
            if old.get("streamEnabled"):
                update({"streamSpecification": {"streamEnabled": False}})
            if new.get("streamEnabled"):
                update({"streamSpecification": _stream(new)})
        if changed(old, new, "ttl"):
            self._switch(clients, resource_id, "ttl", new.get("ttl") or {**old["ttl"], "enabled": False})
        if changed(old, new, "pointInTimeRecovery"):
            recovery = new.get("pointInTimeRecovery", {"enabled": False})
            self._switch(clients, resource_id, "pointInTimeRecovery", recovery)
        self._change_tags(clients, resource_id, old, new)

    def _switch(self, clients: Clients, table_name: str, name: str, setting: Properties) -> None:
        enabled = bool(setting.get("enabled", False))
        if name == "ttl":
            clients.dynamodb.update_time_to_live(
                TableName=table_name,
                TimeToLiveSpecification={"Enabled": enabled, "AttributeName": setting["attributeName"]},
            )
        else:
            clients.dynamodb.update_continuous_backups(
                TableName=table_name, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": enabled}
            )


def _to_service(inputs: Draft) -> Draft:
    apart = {*_KEY_TYPES, "serverSideEncryption", "streamEnabled", "streamViewType"}
    sent = {"deletionProtectionEnabled": False, **without(inputs, apart)}
    sent["keySchema"] = [{"name": inputs[key], "keyType": type_} for key, type_ in _KEY_TYPES.items() if key in inputs]
    if inputs.get("streamEnabled"):
        sent["streamSpecification"] = _stream(inputs)
    if "serverSideEncryption" in inputs:
        sent["sseSpecification"] = _encryption(inputs["serverSideEncryption"])
    return sent


def _stream(inputs: Properties) -> Draft:
    return {"streamEnabled": True, "streamViewType": inputs["streamViewType"]}


def _encryption(encryption: Properties) -> Draft:
    kind = {"sseType": "KMS"} if encryption["enabled"] else {}
    key = {"kmsMasterKeyId": encryption["kmsKeyArn"]} if "kmsKeyArn" in encryption else {}
    return {"enabled": encryption["enabled"], **kind, **key}


def _from_service(properties: Draft, returned: Properties, _state: Properties) -> Draft:
    names_by_type = {each["keyType"]: each["name"] for each in returned["keySchema"]}
    keys = {key: names_by_type[type_] for key, type_ in _KEY_TYPES.items() if type_ in names_by_type}
    billing_mode = returned.get("billingModeSummary", {}).get("billingMode", "PROVISIONED")
    stream: Properties = returned.get("streamSpecification", {})
    if not stream.get("streamEnabled"):
        return {**properties, **keys, "billingMode": billing_mode, "streamEnabled": False}
    arn, label = returned.get("latestStreamArn"), returned.get("latestStreamLabel")
    return {**properties, **keys, **stream, "billingMode": billing_mode, "streamArn": arn, "streamLabel": label}


HANDLERS = (
    _Table(
        pulumi_type="aws:dynamodb/table:Table",
        operations="CreateTable DescribeTable UpdateTable DeleteTable",
        required=names("attributes billingMode hashKey name"),
        optional=_THROUGHPUT
        | names(
            "deletionProtectionEnabled pointInTimeRecovery rangeKey serverSideEncryption streamEnabled streamViewType "
            "tags ttl"
        ),
        immutable=names("hashKey rangeKey"),
        write_only=_THROUGHPUT,  # The emulator keeps neither.
        recomputed=dict.fromkeys(("streamEnabled", "streamViewType"), names("streamArn streamLabel")),
        unsent=names("pointInTimeRecovery ttl"),
        id="{name}",
        result="table",
        renamed={
            "AttributeDefinitions": "attributes",
            "AttributeName": "name",
            "AttributeType": "type",
            "TableName": "name",
        },
        absent={"deletionProtectionEnabled": False},
        outputs={"arn": "{tableArn}"},
        to_service=_to_service,
        from_service=_from_service,
        tag_operations=("ListTagsOfResource", "TagResource", "UntagResource"),
    ),
)
