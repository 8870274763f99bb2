// Calls a running stack through types that openapi-typescript generated, and prints what it was answered.
// That this compiles is half of the test: an answer's members are read only where the document promises them.
import { AwsClient } from "aws4fetch";
import createClient from "openapi-fetch";

import type { components, paths } from "./api.js";

type Schemas = components["schemas"];
type Refusal = Schemas["FieldsProblem"] | Schemas["Problem"] | Schemas["GatewayMessage"];

const { API_URL = "", AWS_ACCESS_KEY_ID = "", AWS_SECRET_ACCESS_KEY = "", AWS_REGION = "", RUN = "" } = process.env;

const signer = new AwsClient({
  accessKeyId: AWS_ACCESS_KEY_ID,
  secretAccessKey: AWS_SECRET_ACCESS_KEY,
  region: AWS_REGION,
  service: "execute-api",
  retries: 0,
});
const everybody = createClient<paths>({ baseUrl: API_URL });
const administrator = createClient<paths>({ baseUrl: API_URL, fetch: (request) => signer.fetch(request) });

/** What the types let a caller tell of any refusal, without a cast. */
function told(refusal: Refusal): string[] {
  if ("errors" in refusal) return [refusal.type, ...refusal.errors.map(({ field, code }) => `${field} ${code}`)];
  if ("type" in refusal) return [refusal.type];
  return [refusal.message ?? ""];
}

function refused(answer: { error?: Refusal; response: Response }): [number, ...string[]] {
  if (answer.error === undefined) throw new Error(`not refused: ${answer.response.status}`);
  return [answer.response.status, ...told(answer.error)];
}

function present<T>(value: T | undefined): T {
  if (value === undefined) throw new Error("missing");
  return value;
}

const alice = { name: "Alice", email: `alice-${RUN}@example.com`, username: `alice-${RUN}` };
const params = { header: { "Idempotency-Key": `typescript-${RUN}` } };

const registered = await everybody.POST("/register", { body: alice, params });
const created = present(registered.data);
if (!("userId" in created)) throw new Error("the stack's answers are neutral");
const userId: string = created.userId;
const path = { userId };

const read = await administrator.GET("/users/{userId}", { params: { path } });
const user = present(read.data);
const version: number = user.version;

const stale = { path, header: { "If-Match": '"999"' } };
const changed = await administrator.PATCH("/users/{userId}", {
  params: { path, header: { "If-Match": `"${version}"` } },
  body: { name: "Alice B." },
});

const calls = {
  registered: [registered.response.status, created.message],
  etag: registered.response.headers.get("etag"),
  location: registered.response.headers.get("location") === `/users/${userId}`,
  changed: [changed.response.status, present(changed.data).name],
  taken: refused(await everybody.POST("/register", { body: alice })),
  reused: refused(await everybody.POST("/register", { body: { ...alice, name: "Bob" }, params })),
  invalid: refused(await everybody.POST("/register", { body: { ...alice, username: "?" } })),
  malformed: refused(
    await everybody.POST("/register", { body: alice, bodySerializer: () => "{", params: { header: {} } }),
  ),
  notJson: refused(await everybody.POST("/register", { body: alice, headers: { "Content-Type": "text/plain" } })),
  unsigned: refused(await everybody.GET("/users/{userId}", { params: { path } })),
  outdated: refused(await administrator.PATCH("/users/{userId}", { params: stale, body: { name: "Carol" } })),
  deleted: (await administrator.DELETE("/users/{userId}", { params: { path } })).response.status,
  missing: refused(await administrator.GET("/users/{userId}", { params: { path } })),
};
console.log(JSON.stringify(calls));
