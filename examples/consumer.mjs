// Handles events as they come: `node examples/consumer.mjs cursor.txt`; stop it with Ctrl-C, start it again.
//
// TRIGGERS_URL and TRIGGERS_API_KEY name the API and the key, which needs the scopes inbox:read and inbox:ack.

import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { Client } from "../clients/javascript/triggers.mjs";

// Killed before the cursor is saved, an event comes here again: by its id you know it.
function handle(event) {
  console.log(event.id, event.type, JSON.stringify(event.data));
}

// Whole or not at all.
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
