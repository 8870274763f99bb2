"""The program of every stack: read its settings, compose the components, export the outputs."""

import pulumi
import pulumi_aws as aws

from infra import naming
from infra.components.change_stream import ChangeStream, ChangeStreamArgs, DeliverySettings
from infra.components.monitoring import Monitoring, MonitoringArgs
from infra.components.user_api import UserApi, UserApiArgs
from infra.components.users_store import UsersStore, UsersStoreArgs
from infra.components.website import Website, WebsiteArgs, WebsiteConfig, WebsiteConfigArgs
from infra.environment import Environment
from infra.packaging.wheels import WheelError
from infra.packaging.zip import FunctionPackage, FunctionPackageError, build_package
from infra.settings.check import SettingsError, load_settings
from infra.settings.model import StackSettings
from infra.settings.stack_file import running_config


def deploy() -> None:
    """Build the stack whose name and configuration Pulumi has set.

    Raises:
        pulumi.RunError: wrong settings, or a function's package that can't be built. Pulumi shows its message alone,
            without a traceback, and no resource has been touched.
    """
    config = running_config()
    try:
        settings = load_settings(pulumi.get_stack(), config.values, config.secret_keys)
        packages = {
            name: build_package(name, settings.function_platform)
            for name in ("register_user", "manage_users", "log_user_changes", "rescue_failed_batches")
        }
    except (SettingsError, FunctionPackageError, WheelError) as error:
        raise pulumi.RunError(str(error)) from error
    compose(pulumi.get_stack(), settings, packages)


def compose(stack: str, settings: StackSettings, packages: dict[str, FunctionPackage]) -> None:
    """Create every resource of a stack and export its outputs.

    Args:
        stack: the stack's name, which is the environment's.
        settings: its settings.
        packages: each function's zip, by the function's folder.
    """
    environment = Environment(
        name=stack,
        region=settings.region,
        account_id=aws.get_caller_identity_output().account_id,
        tags={**settings.tags, "project": naming.PROJECT, "environment": stack, "managedBy": "pulumi"},
        protect=settings.protect_resources,
        require_tls=settings.require_tls,
        log_retention_days=settings.log_retention_days,
    )
    store = UsersStore(
        "users-store",
        UsersStoreArgs(
            environment=environment,
            deletion_protection=settings.deletion_protection,
            point_in_time_recovery=settings.point_in_time_recovery,
        ),
    )
    website = Website("website", WebsiteArgs(environment=environment)) if settings.website_enabled else None
    api = UserApi(
        "user-api",
        UserApiArgs(
            environment=environment,
            store=store,
            register_user_package=packages["register_user"],
            manage_users_package=packages["manage_users"],
            memory_mb=settings.api_memory_mb,
            timeout_seconds=settings.api_timeout_seconds,
            reserved_concurrency=settings.api_reserved_concurrency,
            throttle_rate_per_second=settings.throttle_rate_per_second,
            throttle_burst=settings.throttle_burst,
            cors_allowed_origins=[*settings.cors_allowed_origins, *([website.url] if website else [])],
        ),
    )
    if website:
        WebsiteConfig("website-config", WebsiteConfigArgs(environment=environment, website=website, api_url=api.url))
    changes = ChangeStream(
        "change-stream",
        ChangeStreamArgs(
            environment=environment,
            store=store,
            log_user_changes_package=packages["log_user_changes"],
            rescue_failed_batches_package=packages["rescue_failed_batches"],
            delivery=DeliverySettings(
                batch_size=settings.stream_batch_size,
                batching_window_seconds=settings.stream_batching_window_seconds,
                parallelization_factor=settings.stream_parallelization_factor,
                maximum_retry_attempts=settings.stream_maximum_retry_attempts,
                maximum_record_age_seconds=settings.stream_maximum_record_age_seconds,
            ),
            memory_mb=settings.stream_memory_mb,
            timeout_seconds=settings.stream_timeout_seconds,
            reserved_concurrency=settings.stream_reserved_concurrency,
            activity_retention_days=settings.activity_retention_days,
            mask_personal_data=settings.mask_personal_data,
            failure_retention_days=settings.failure_retention_days,
        ),
    )
    monitoring = Monitoring(
        "monitoring",
        MonitoringArgs(
            environment=environment,
            store=store,
            api=api,
            changes=changes,
            alarm_email=settings.alarm_email,
            iterator_age_seconds=settings.iterator_age_alarm_seconds,
            api_latency_milliseconds=settings.api_latency_alarm_milliseconds,
        ),
    )

    # The contract of infra/outputs.py, name by name.
    pulumi.export("environment", stack)
    pulumi.export("region", settings.region)
    pulumi.export("apiUrl", api.url)
    pulumi.export("websiteUrl", website.url if website else None)
    pulumi.export("usersTableName", store.users.name)
    pulumi.export("userKeysTableName", store.user_keys.name)
    pulumi.export("activityTableName", store.activity.name)
    pulumi.export("usersStreamArn", store.users.stream_arn)
    pulumi.export("registerUserFunctionName", api.register_user.function.name)
    pulumi.export("manageUsersFunctionName", api.manage_users.function.name)
    pulumi.export("logUserChangesFunctionName", changes.log_user_changes.function.name)
    pulumi.export("rescueFailedBatchesFunctionName", changes.rescue_failed_batches.function.name)
    pulumi.export("failureQueueUrl", changes.failed_records.failure_queue.url)
    pulumi.export("deadLetterQueueUrl", changes.failed_records.dead_letter_queue.url)
    pulumi.export("failedRecordsBucketName", changes.failed_records.bucket.bucket)
    pulumi.export("dashboardUrl", monitoring.dashboard_url)
