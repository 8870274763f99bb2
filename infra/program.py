"""The program of every stack: read its settings, build the zips, compose the components, export."""

from collections.abc import Mapping

import pulumi
import pulumi_aws as aws

from infra.components.change_stream import ChangeStream, ChangeStreamArgs
from infra.components.email_confirmation import RegistrationMailQueue, RegistrationMails, RegistrationMailsArgs
from infra.components.monitoring import Monitoring, MonitoringArgs
from infra.components.user_api import UserApi, UserApiArgs
from infra.components.user_changes_topic import UserChangesTopic
from infra.components.user_events import UserEvents
from infra.components.users_store import UsersStore
from infra.components.website import Website, WebsiteArgs, WebsiteConfig, WebsiteConfigArgs
from infra.consumers import enabled_consumers
from infra.environment import EMULATOR_ACCOUNT_ID, Environment
from infra.packaging import FunctionPackage, FunctionPackageError, build_package
from infra.settings.check import SettingsError, load_settings
from infra.settings.running_config import running_config
from infra.wheels import WheelError

FUNCTIONS = ("register_user", "manage_users", "rescue_failed_batches")
"""The folders below functions/ of those that are no consumer's."""

CONFIRMATION_FUNCTIONS = ("confirm_registration", "send_registration_mail")
"""Those that only a stack with neutral answers has."""


def deploy() -> None:
    """Build the stack whose name and configuration Pulumi has set.

    Raises:
        pulumi.RunError: the settings are wrong, or a function's zip can't be built. Pulumi shows
            the message alone, without a traceback, and no resource has been touched.
    """
    stack = pulumi.get_stack()
    try:
        config, secret_keys = running_config()
        settings = load_settings(stack, config, secret_keys)
        # Asked only now, so that whoever has no account learns of wrong settings too.
        account_id = aws.get_caller_identity().account_id
        load_settings(stack, config, secret_keys, on_aws=account_id != EMULATOR_ACCOUNT_ID)
        confirming = CONFIRMATION_FUNCTIONS if settings.answers_neutrally else ()
        folders = [*FUNCTIONS, *confirming, *(consumer.folder for consumer in enabled_consumers(settings))]
        packages = {folder: build_package(folder, settings.function_platform, settings.runtime) for folder in folders}
    except (SettingsError, FunctionPackageError, WheelError) as error:
        raise pulumi.RunError(str(error)) from error
    compose(Environment(name=settings.environment or stack, account_id=account_id, settings=settings), packages)


def compose(environment: Environment, packages: Mapping[str, FunctionPackage]) -> None:
    """Create every resource of a stack and export its outputs.

    Args:
        environment: the stack.
        packages: each function's zip, by the function's folder.
    """
    store = UsersStore("users-store", environment)
    mail_queue = None
    if environment.settings.answers_neutrally:
        mail_queue = RegistrationMailQueue("registration-mail-queue", environment)
    api, website = _api_and_website(environment, store, packages, mail_queue)
    mails = None
    if mail_queue is not None:
        own_page = pulumi.Output.concat(website.url, "/") if website else ""
        mails = RegistrationMails(
            "registration-mails",
            RegistrationMailsArgs(
                environment=environment,
                store=store,
                queue=mail_queue,
                page=environment.settings.confirmation_page or own_page,
                package=packages["send_registration_mail"],
            ),
        )
    user_events = UserEvents("user-events", environment) if environment.settings.user_events_enabled else None
    user_changes = UserChangesTopic("user-changes-topic", environment)
    changes = ChangeStream(
        "change-stream",
        ChangeStreamArgs(
            environment=environment,
            store=store,
            user_changes=user_changes,
            user_events=user_events,
            consumers=enabled_consumers(environment.settings),
            packages=packages,
        ),
    )
    monitoring = Monitoring(
        "monitoring", MonitoringArgs(environment=environment, store=store, api=api, changes=changes, mails=mails)
    )

    # The contract of infra/outputs.py, name by name.
    pulumi.export("environment", environment.name)
    pulumi.export("region", environment.settings.region)
    pulumi.export("apiUrl", api.url)
    pulumi.export("apiDomainTarget", api.domain_target)
    pulumi.export("websiteUrl", website.url if website else None)
    pulumi.export("websiteDomainTarget", website.domain_target if website else None)
    pulumi.export("usersTableName", store.users.name)
    pulumi.export("userKeysTableName", store.user_keys.name)
    pulumi.export("activityTableName", store.activity.name)
    pulumi.export("usersStreamArn", store.users.stream_arn)
    pulumi.export("registerUserFunctionName", api.register_user.function.name)
    pulumi.export("manageUsersFunctionName", api.manage_users.function.name)
    confirm = api.confirm_registration
    pulumi.export("confirmRegistrationFunctionName", confirm.function.name if confirm else None)
    pulumi.export("sendRegistrationMailFunctionName", mails.function.function.name if mails else None)
    pulumi.export("registrationMailsQueueUrl", mails.queue.queue.url if mails else None)
    pulumi.export("registrationMailsDeadLetterQueueUrl", mails.queue.dead_letter_queue.url if mails else None)
    pulumi.export("userChangesTopicArn", user_changes.topic.arn)
    pulumi.export("rescueFailedBatchesFunctionName", changes.rescue_failed_batches.function.name)
    pulumi.export("failureQueueUrl", changes.failed_records.failure_queue.url)
    pulumi.export("deadLetterQueueUrl", changes.failed_records.dead_letter_queue.url)
    pulumi.export("failedRecordsBucketName", changes.failed_records.bucket.bucket)
    pulumi.export("userEventsBusName", user_events.bus.name if user_events else None)
    pulumi.export("userEventsBusArn", user_events.bus.arn if user_events else None)
    pulumi.export("userEventsArchiveName", user_events.archive.name if user_events else None)
    pulumi.export("dashboardUrl", monitoring.dashboard_url)
    pulumi.export("trafficShiftPercent", environment.settings.traffic_shift_percent)
    pulumi.export("trafficShiftMinutes", environment.settings.traffic_shift_minutes)
    for consumer in changes.consumers:
        pulumi.export(consumer.declaration.function_output, consumer.function.function.name)
    for consumer in changes.queue_consumers:
        pulumi.export(consumer.declaration.queue_output, consumer.queue.url)
        pulumi.export(consumer.declaration.failure_queue_output, consumer.failure_queue.url)


def _api_and_website(
    environment: Environment,
    store: UsersStore,
    packages: Mapping[str, FunctionPackage],
    mail_queue: RegistrationMailQueue | None,
) -> tuple[UserApi, Website | None]:
    """Create the API, and the page if there is one, in the order in which they name each other."""

    def api_for(website: Website | None) -> UserApi:
        website_url = website.url if website else None
        args = UserApiArgs(
            environment=environment, store=store, packages=packages, website_url=website_url, mail_queue=mail_queue
        )
        return UserApi("user-api", args)

    if not environment.settings.website_enabled:
        return api_for(None), None
    if environment.settings.registrations_per_client is None:
        website = Website("website", WebsiteArgs(environment=environment))
        api = api_for(website)
        called = api.url
    else:
        # The page registers at its own origin, which the API needn't allow.
        api = api_for(None)
        website = Website("website", WebsiteArgs(environment=environment, limited_api_url=api.url))
        called = website.url
    WebsiteConfig("website-config", WebsiteConfigArgs(environment=environment, bucket=website.bucket, api_url=called))
    return api, website
