"use strict";

const { version: platformVersion } = require("zapier-platform-core");
const { authentication, withKey } = require("./authentication");
const newEvent = require("./triggers/new_event");

module.exports = {
  version: require("./package.json").version,
  platformVersion,
  authentication,
  beforeRequest: [withKey],
  triggers: { [newEvent.key]: newEvent },
};
