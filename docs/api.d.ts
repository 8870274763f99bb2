// Made by `python -m contract` from docs/openapi.json. Copy it, don't edit it.

/** What `POST /register` takes. Each value counts in Unicode's normalization form C, and at least one character can be seen. */
export interface Registration {
  /** Must be 1 to 200 characters, with no space at either end and no control characters. */
  readonly name: string;
  /** Must be an e-mail address such as alice@example.com, of at most 254 characters, 64 of them before the @. */
  readonly email: string;
  /** Must be 3 to 32 letters, digits, dots, underscores or hyphens, beginning with a letter or a digit. */
  readonly username: string;
}

/** What `PATCH /users/{userId}` takes. Null takes an optional value away. Each value counts in Unicode's normalization form C, and at least one character can be seen. */
export interface UserChanges {
  /** Must be 1 to 200 characters, with no space at either end and no control characters. */
  readonly name?: string;
  /** Must be an e-mail address such as alice@example.com, of at most 254 characters, 64 of them before the @. */
  readonly email?: string;
  /** Must be 3 to 32 letters, digits, dots, underscores or hyphens, beginning with a letter or a digit. */
  readonly username?: string;
}

/** What `POST /register/confirmation` takes. */
export interface Confirmation {
  /** What comes behind `#confirm=` in the link. */
  readonly token: string;
}

/** The user is stored. A repeat with the same Idempotency-Key and body gets it again. */
export interface Registered {
  readonly message: "User registered successfully";
  /** The user's id, which never changes. */
  readonly userId: string;
}

/** A mail is on its way: whether one with a link or about an earlier registration isn't told. */
export interface Requested {
  readonly message: "Follow the link in the mail that we sent you to complete the registration";
}

/** A user as stored now. A user who registered has every required value. Those that an imported user lacks are null. An optional value that a user doesn't have is left out. */
export interface User {
  /** The user's id, which never changes: a UUID, or any text for an imported user. No path leads to an id of more than 128 characters, with an unprintable one, or with one of / ? # % and backslash. */
  readonly userId: string;
  /** 1 when registered or imported without one; each change adds one. Also the ETag. */
  readonly version: number;
  readonly createdAt: string | null;
  /** The last change through the API; at first the registration. */
  readonly updatedAt: string | null;
  /** As typed. */
  readonly name: string | null;
  /** As typed; unique whatever its case. */
  readonly email: string | null;
  /** As typed; unique whatever its case and width. */
  readonly username: string | null;
}

/** Some users, in no particular order. */
export interface UsersPage {
  readonly items: ReadonlyArray<User>;
  /** Send it as nextToken for the next page; null on the last. */
  readonly nextToken: string | null;
}

/** One change of a user, from the table's stream; of an erased user, the erasure alone. */
export interface Change {
  /** Sorts a user's changes by time. */
  readonly changeId: string;
  /** ERASED: all data of the user was removed, and `changes` is empty. */
  readonly kind: "ADDED" | "UPDATED" | "DELETED" | "ERASED";
  readonly occurredAt: string;
  /** Who did it: self for a registration, the ARN of the caller of a signed route or of who erased the user, ttl when DynamoDB's expiry deleted the user, caller for a write past the API. */
  readonly actor: string;
  /** The request that made it: the header apigw-requestid of its answer. Left out if none is known. */
  readonly requestId?: string;
  /** The header of that request, if it had a valid one. */
  readonly traceparent?: string;
  readonly changes: Readonly<Record<string, FieldChange>>;
  /** How many more fields changed, of a change of thousands, whose names are too large for the history. */
  readonly omittedFields?: number;
}

/** A field before and after a change; a missing side is left out. */
export interface FieldChange {
  readonly old?: unknown;
  readonly new?: unknown;
  /** The size in bytes of a value that existed and isn't kept: a change of more than 400 KB leaves out values, former ones first. 0: a value of a deleted user, of whom this stack keeps none. */
  readonly omitted?: Readonly<Record<string, number>>;
}

/** Some entries of a user's history, oldest first. */
export interface ActivityPage {
  readonly items: ReadonlyArray<Change>;
  /** Send it as nextToken for the next page; null on the last. */
  readonly nextToken: string | null;
}

/** What is wrong with one field. */
export interface FieldProblem {
  /** The field as it was sent; "" for the body as a whole. */
  readonly field: string;
  /** A stable word for programs. */
  readonly code: string;
  /** A sentence for people. */
  readonly message: string;
}

/** Why a request was refused, with the fields that are at fault. */
export interface FieldsProblem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  /** Identifies the request in logs, histories and events; the header apigw-requestid has it too. */
  readonly requestId: string;
  readonly errors: ReadonlyArray<FieldProblem>;
}

/** Why a request was refused (RFC 9457). */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  /** Identifies the request in logs, histories and events; the header apigw-requestid has it too. */
  readonly requestId: string;
}

/** API Gateway's own response, if no function was invoked. */
export interface GatewayMessage {
  readonly message: string | null;
}
