/** Types of the Triggers client. Times are RFC 3339 text in UTC. */

/** The fields of an event to send, or a CloudEvent. Without an `id`, an event gets one. */
export interface NewEvent {
  type: string;
  data?: unknown;
  id?: string;
  source?: string;
  subject?: string;
  time?: string | Date;
  inbox?: string;
  [attribute: string]: unknown;
}

/** A CloudEvents 1.0 event with its place in an inbox. Content that is not JSON is in `data_base64`. */
export interface InboxEvent<Data = unknown> {
  specversion: "1.0";
  id: string;
  source: string;
  type: string;
  inbox: string;
  receivedat: string;
  position: string;
  subject?: string;
  time?: string;
  datacontenttype?: string;
  dataschema?: string;
  data?: Data;
  data_base64?: string;
  dataerror?: "missing" | "broken";
  deliveredat?: string;
  possibleduplicate?: true;
  [extension: string]: unknown;
}

/** An event in the queue. `source`, `inbox` and `id` identify it; `receipt` identifies this acceptance. */
export interface Accepted {
  id: string;
  source: string;
  inbox: string;
  receipt: string;
}

/** Events, oldest first. `next` is the cursor after them; `more`: another request will return more immediately. */
export interface Page {
  events: InboxEvent[];
  next: string;
  more: boolean;
}

/** Problem details (RFC 9457), as far as the answer has them. */
export interface Problem {
  type?: string;
  title?: string;
  status?: number;
  detail?: string;
  instance?: string;
  errors?: { detail: string; pointer?: string }[];
}

/** An error answer. */
export class Refused extends Error {
  readonly status: number;
  readonly problem: Problem;
  constructor(status: number, problem: Problem);
}

/** An event given to `send` can't be encoded: its `index` (from 0), and the JSON `pointer` to the place. */
export class InvalidEvent extends TypeError {
  readonly index: number;
  readonly pointer: string;
  constructor(index: number, pointer: string, detail: string);
}

export interface FollowOptions {
  inbox?: string;
  /** `next` of the last page that was handled; without it, the oldest event is the first. */
  cursor?: string;
  /** `order.*` matches all types that begin with `order.`. */
  types?: string[];
  limit?: number;
  /** Seconds, 1 to 20. */
  wait?: number;
  early?: boolean;
}

export interface LeaseOptions {
  inbox?: string;
  limit?: number;
  seconds?: number;
  wait?: number;
  /** Where a new group begins: `oldest` (the default), `newest`, or a time. */
  start?: string;
}

/** A client for one API and one key. It makes up to `attempts` attempts if a failure may be temporary, with pauses. */
export class Client {
  constructor(url: string | URL, apiKey: string, options?: { attempts?: number });
  send(events: Iterable<NewEvent>): Promise<Accepted[]>;
  follow(options?: FollowOptions): AsyncGenerator<Page, never, void>;
  ack(events: Pick<InboxEvent, "inbox" | "position">[]): Promise<void>;
  leases(group: string, options?: LeaseOptions): AsyncGenerator<Lease, never, void>;
}

/** Events of a group that are yours until the lease runs out; `isLost`: another member may have them. */
export class Lease {
  private constructor();
  readonly id: string;
  readonly events: InboxEvent[];
  readonly attempt: number;
  readonly until: string;
  readonly isLost: boolean;
  readonly isOver: boolean;
  ack(events?: Pick<InboxEvent, "position">[], options?: { remove?: boolean }): Promise<void>;
  release(events?: Pick<InboxEvent, "position">[], options?: { delay?: number; reason?: string }): Promise<void>;
  extend(seconds?: number): Promise<void>;
}
