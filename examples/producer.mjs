// Sends orders: `node examples/producer.mjs 10`; TRIGGERS_URL and TRIGGERS_API_KEY specify the API and the key.
//
// Run it twice within five minutes and each order is still listed once, because its id is derived from its number.

import { Client } from "../clients/javascript/triggers.mjs";

const client = new Client(process.env.TRIGGERS_URL, process.env.TRIGGERS_API_KEY);
const orders = Array.from({ length: Number(process.argv[2]) }, (_, n) => ({
  type: "order.paid",
  id: `order-${n + 1}`,
  source: "/shop",
  data: { number: n + 1 },
}));
const accepted = await client.send(orders);
console.log(`${accepted.length} accepted`);
