// `npm test`: validates the integration against Zapier's schema, then runs it as Zapier does, which checks its results.
// TRIGGERS_URL and TRIGGERS_API_KEY specify the API and the key.
"use strict";

const assert = require("node:assert");
const zapier = require("zapier-platform-core");
const app = require(".");

const main = async () => {
  const faults = (await zapier.createAppHandler(app)({ command: "validate" })).results;
  assert.deepStrictEqual(faults, [], JSON.stringify(faults, null, 2));

  const use = zapier.createAppTester(app);
  const authData = { url: process.env.TRIGGERS_URL, apiKey: process.env.TRIGGERS_API_KEY };
  const { perform } = app.triggers.new_event.operation;
  await use(app.authentication.test, { authData });
  await assert.rejects(use(app.authentication.test, { authData: { ...authData, apiKey: "wrong" } }), /401/);
  const types = process.argv.slice(2);
  const events = await use(perform, { authData, inputData: { types } });
  console.log(JSON.stringify(events));
};

main();
