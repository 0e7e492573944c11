// Compiled with tsc --strict, never run: what the types of the JavaScript client allow, and what they refuse.

import { Client, InvalidEvent, Lease, Refused, type Accepted, type InboxEvent, type Page } from "triggers-client";

const client = new Client("http://127.0.0.1:8000", "key", { attempts: 3 });

export async function allowed(): Promise<string[]> {
  const accepted: Accepted[] = await client.send([{ type: "order.paid", data: { total: 99.5 }, time: new Date(), tier: 1 }]);
  for await (const page of client.follow({ inbox: "orders", types: ["order.*"], early: true })) {
    const kept: Page = page;
    const events: InboxEvent[] = kept.events;
    await client.ack(events);
    if (!kept.more) break;
  }
  for await (const lease of client.leases("billing", { seconds: 60 })) {
    const same: Lease = lease;
    await same.release(same.events.slice(0, 1), { delay: 5, reason: "later" });
    await same.extend(60);
    await same.ack();
  }
  return accepted.map((one) => one.receipt);
}

export function described(error: unknown): string {
  if (error instanceof InvalidEvent) return `${error.index} ${error.pointer}`;
  if (error instanceof Refused) return `${error.status} ${error.problem.errors?.[0]?.detail}`;
  return String(error);
}

export async function refused(page: Page, lease: Lease): Promise<void> {
  // @ts-expect-error: an event has a type
  await client.send([{ data: 1 }]);
  // @ts-expect-error: types are a list
  client.follow({ types: "order.*" });
  // @ts-expect-error: a cursor is text
  client.follow({ cursor: 1 });
  // @ts-expect-error: only the client makes leases
  new Lease(client, {});
  // @ts-expect-error: what the service says can't be assigned
  lease.isLost = false;
  // @ts-expect-error: an id is text
  const id: number = page.events[0].id;
  void id;
}
