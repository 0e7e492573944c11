// Handles events as they arrive: `node examples/consumer.mjs cursor.txt`; stop it with Ctrl-C, and start it again to resume.
//
// TRIGGERS_URL and TRIGGERS_API_KEY specify the API and a key with the scopes inbox:read and inbox:ack.

import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { Client } from "../clients/javascript/triggers.mjs";

// If the process is killed before it saves the cursor, the event is handled again; check its id.
function handle(event) {
  console.log(event.id, event.type, JSON.stringify(event.data));
}

// Save the cursor atomically.
function save(cursor, file) {
  writeFileSync(`${file}.new`, cursor);
  renameSync(`${file}.new`, file);
}

const file = process.argv[2];
const cursor = existsSync(file) ? readFileSync(file, "utf8") : undefined;
const client = new Client(process.env.TRIGGERS_URL, process.env.TRIGGERS_API_KEY, { attempts: Infinity });
for await (const page of client.follow({ cursor, types: ["order.*"] })) {
  page.events.forEach(handle);
  save(page.next, file);
  await client.ack(page.events);
}
