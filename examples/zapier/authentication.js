"use strict";

// Checks that the key can read by reading. Zapier throws if the answer is an error.
const test = async (z, bundle) => {
  const response = await z.request(`${bundle.authData.url}/v1/inbox?limit=1`);
  return response.data;
};

const withKey = (request, z, bundle) => {
  request.headers.Authorization = `Bearer ${bundle.authData.apiKey}`;
  return request;
};

module.exports = {
  authentication: {
    type: "custom",
    fields: [
      { key: "url", label: "URL", type: "string", required: true, helpText: "For example https://events.example.com" },
      {
        key: "apiKey",
        label: "API key",
        type: "password",
        required: true,
        helpText: "A key with the scope `inbox:read`, created with `triggers keys create`.",
      },
    ],
    test,
    connectionLabel: "{{bundle.authData.url}}",
  },
  withKey,
};
