// Made by `python -m contract` from infra/outputs.py and infra/site_config.py. Copy it, don't edit it.

/** The outputs of a stack; the names in `pulumi stack output` are the camelCase aliases. */
export interface StackOutputs {
  /** Name of the environment: dev, prod, local. */
  readonly environment: string;
  /** AWS region of every resource of the stack. */
  readonly region: string;
  /** Base URL of the API, without a trailing slash. */
  readonly apiUrl: string;
  /** DNS name that the record of apiDomain points to; absent without apiDomain. */
  readonly apiDomainTarget?: string | null;
  /** Address of the registration page, without a trailing slash; absent when it is switched off. */
  readonly websiteUrl?: string | null;
  /** DNS name that the record of websiteDomain points to; absent without websiteDomain. */
  readonly websiteDomainTarget?: string | null;
  /** Table of the users; its stream carries every change. */
  readonly usersTableName: string;
  /** Table that keeps values such as emails unique. */
  readonly userKeysTableName: string;
  /** Table of each user's history of changes. */
  readonly activityTableName: string;
  /** ARN of the Users table's stream. Its two readers are taken: read the topic instead. */
  readonly usersStreamArn: string;
  /** FIFO topic of users' changes, from which consumers' queues get them. */
  readonly userChangesTopicArn: string;
  /** Function behind `POST /register`. */
  readonly registerUserFunctionName: string;
  /** Function behind `/users` and what is below it. */
  readonly manageUsersFunctionName: string;
  /** Function behind `POST /register/confirmation`; absent with registrationAnswers explicit, as the next three. */
  readonly confirmRegistrationFunctionName?: string | null;
  /** Function that sends the mails about registrations. */
  readonly sendRegistrationMailFunctionName?: string | null;
  /** Queue of the registrations that a mail is due about. */
  readonly registrationMailsQueueUrl?: string | null;
  /** Queue of those that no mail could be sent about. */
  readonly registrationMailsDeadLetterQueueUrl?: string | null;
  /** Function that the stream's batches go to. */
  readonly logUserChangesFunctionName: string;
  /** Function that sends changes to the topic. */
  readonly fanOutUserChangesFunctionName: string;
  /** Function that turns pointers into whole records. */
  readonly rescueFailedBatchesFunctionName: string;
  /** Queue of the pointers to batches that the event source mapping gave up on. */
  readonly failureQueueUrl: string;
  /** Queue of the failed records, whole: what `python -m ops dlq` reads. */
  readonly deadLetterQueueUrl: string;
  /** Bucket of the failed records that are too large for a message. */
  readonly failedRecordsBucketName: string;
  /** EventBridge bus of the events for other teams; absent when they are switched off. */
  readonly userEventsBusName?: string | null;
  /** ARN of that bus: the destination of a replay. */
  readonly userEventsBusArn?: string | null;
  /** Archive of that bus, from which other teams replay events. */
  readonly userEventsArchiveName?: string | null;
  /** Address of the environment's CloudWatch dashboard. */
  readonly dashboardUrl: string;
  /** Share of the traffic that a new version of a function gets at first; absent without trafficShiftPercent. */
  readonly trafficShiftPercent?: number | null;
  /** Minutes for which it keeps that share; absent without trafficShiftMinutes. */
  readonly trafficShiftMinutes?: number | null;
  /** Function of the consumer publish-user-events. */
  readonly publishUserEventsFunctionName?: string | null;
  /** Queue of the changes for publish-user-events. */
  readonly publishUserEventsQueueUrl?: string | null;
  /** Queue of the changes that publish-user-events didn't take. */
  readonly publishUserEventsFailureQueueUrl?: string | null;
}

/** An attribute of a user, as the page's form asks for it. */
export interface SiteAttribute {
  /** The field's name in a request. */
  readonly name: string;
  /** What people read beside the input. */
  readonly label: string;
  /** A sentence under the input; empty for none. */
  readonly hint: string;
  /** A valid value, shown beside one that isn't. */
  readonly example: string;
  readonly required: boolean;
  /** Whether with neutral answers the mail with the link goes to its value. */
  readonly confirmed: boolean;
  /** The input's type in HTML. */
  readonly type: string;
  /** The input's inputmode in HTML. */
  readonly inputmode: string;
  /** The input's autocomplete in HTML. */
  readonly autocomplete: string;
  /** The input's autocapitalize in HTML. */
  readonly autocapitalize: string;
}

/** The content of config.json: three of the stack outputs and the form, and nothing else. */
export interface SiteConfig {
  /** Name of the stack, shown on the page. */
  readonly environment: string;
  /** AWS region of the stack, shown on the page. */
  readonly region: string;
  /** Base URL of `POST /register`, without a trailing slash: the API's, or the page's own with a limit per client. */
  readonly apiUrl: string;
  /** What the form asks for, in its order. */
  readonly attributes: ReadonlyArray<SiteAttribute>;
}
