// Eight members of the group `billing` share an inbox: `node examples/worker_pool.mjs`; Ctrl-C stops them.
//
// TRIGGERS_URL and TRIGGERS_API_KEY specify the API and a key with the scopes inbox:read and inbox:ack.

import { Client } from "../clients/javascript/triggers.mjs";

// An event whose lease ran out is handled again; check its id.
async function handle(event) {
  console.log(event.id, event.type, JSON.stringify(event.data));
}

// An event that fails is retried, and after five attempts it is in quarantine.
async function work(client) {
  for await (const lease of client.leases("billing", { limit: 10, seconds: 60 })) {
    for (const event of lease.events) {
      await handle(event).catch((error) => lease.release([event], { reason: String(error) }));
    }
  }
}

const client = new Client(process.env.TRIGGERS_URL, process.env.TRIGGERS_API_KEY, { attempts: Infinity });
await Promise.all(Array.from({ length: 8 }, () => work(client)));
