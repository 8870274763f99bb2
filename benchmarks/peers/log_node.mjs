// The mission's logging of changes in plain JavaScript for Node: no failure handling, no Activity.
function plain(image) {
  return Object.fromEntries(
    Object.entries(image).map(([name, value]) => [name, "N" in value ? Number(value.N) : Object.values(value)[0]]),
  );
}

function log(message, image) {
  console.log(JSON.stringify({ message, image: plain(image) }));
}

export async function handler(event) {
  for (const { eventName, dynamodb } of event.Records) {
    if (eventName === "INSERT") {
      log("USER ADDED:", dynamodb.NewImage);
    } else if (eventName === "MODIFY") {
      log("USER UPDATED - OLD:", dynamodb.OldImage);
      log("USER UPDATED - NEW:", dynamodb.NewImage);
    } else if (eventName === "REMOVE") {
      log("USER DELETED:", dynamodb.OldImage);
    } else {
      console.log(JSON.stringify({ message: "UNKNOWN EVENT:" }));
    }
  }
  return { batchItemFailures: [] };
}
