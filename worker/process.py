"""The core: messages in, verdicts out. It knows neither AWS nor HTTP."""
