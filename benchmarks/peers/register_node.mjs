// The mission's registration in plain JavaScript for Node: validate, then one unsigned call, without an AWS SDK.
import { randomUUID } from "node:crypto";

const EMAIL = /^[^@\s]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+$/;
const USERNAME = /^[A-Za-z0-9][A-Za-z0-9._-]{2,31}$/;

function put(TableName, key, Item) {
  return {
    Put: {
      TableName,
      Item,
      ConditionExpression: `attribute_not_exists(#${key})`,
      ExpressionAttributeNames: { [`#${key}`]: key },
    },
  };
}

export async function handler(event) {
  const { name, email, username } = JSON.parse(event.body);
  const valid =
    typeof name === "string" && name.length >= 1 && name.length <= 200 &&
    typeof email === "string" && email.length <= 254 && EMAIL.test(email) &&
    typeof username === "string" && USERNAME.test(username);
  if (!valid) return { statusCode: 422, body: JSON.stringify({ message: "Invalid user" }) };
  const userId = randomUUID();
  const now = new Date().toISOString();
  const keys = process.env.USER_KEYS_TABLE;
  const TransactItems = [
    put(process.env.USERS_TABLE, "userId", {
      userId: { S: userId }, name: { S: name }, email: { S: email }, username: { S: username },
      createdAt: { S: now }, updatedAt: { S: now }, version: { N: "1" }, schemaVersion: { N: "1" },
    }),
    put(keys, "key", { key: { S: `email#${email.toLowerCase()}` }, userId: { S: userId } }),
    put(keys, "key", { key: { S: `username#${username.toLowerCase()}` }, userId: { S: userId } }),
  ];
  const answer = await fetch(process.env.AWS_ENDPOINT_URL, {
    method: "POST",
    headers: {
      "content-type": "application/x-amz-json-1.0",
      "x-amz-target": "DynamoDB_20120810.TransactWriteItems",
    },
    body: JSON.stringify({ TransactItems }),
  });
  if (!answer.ok) throw new Error(`TransactWriteItems: ${answer.status}`);
  return {
    statusCode: 201,
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ message: "User registered successfully", userId }),
  };
}
