"use strict";

// Zapier polls every few minutes and acts on each `id` that it has not seen before. With format=zapier the newest
// events come first, and `id` is an event's position, which is unique; the event's own id is `eventid`.
const perform = async (z, bundle) => {
  const { inbox, types = [] } = bundle.inputData;
  const query = new URLSearchParams({ format: "zapier", inbox: inbox || "default" });
  for (const type of types) query.append("type", type);
  const response = await z.request(`${bundle.authData.url}/v1/inbox?${query}`);
  return response.data;
};

module.exports = {
  key: "new_event",
  noun: "Event",
  display: {
    label: "New Event",
    description: "Triggers when an event arrives in an inbox.",
  },
  operation: {
    type: "polling",
    perform,
    inputFields: [
      { key: "inbox", label: "Inbox", type: "string", default: "default" },
      {
        key: "types",
        label: "Event Types",
        type: "string",
        list: true,
        helpText: "Only these types, such as `order.paid`, or `order.*` for all that begin with `order.`. Leave empty for all types.",
      },
    ],
    outputFields: [
      { key: "id", label: "Position", type: "string" },
      { key: "eventid", label: "Event ID", type: "string" },
      { key: "type", label: "Type", type: "string" },
      { key: "source", label: "Source", type: "string" },
      { key: "inbox", label: "Inbox", type: "string" },
      { key: "receivedat", label: "Received At", type: "datetime" },
    ],
    sample: {
      id: "019aad54-1e2f-7abc-8def-0123456789ab",
      eventid: "order-17",
      specversion: "1.0",
      source: "/",
      type: "order.paid",
      time: "2026-11-22T17:03:11Z",
      inbox: "default",
      position: "019aad54-1e2f-7abc-8def-0123456789ab",
      receivedat: "2026-11-22T17:03:11.120Z",
      data: { total: 99.5 },
    },
  },
};
