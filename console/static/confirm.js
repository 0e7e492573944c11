// Asks before an operation.

import { at } from "./dom.js";

let act = null;

/** Ask whether to `go`; `label` names the operation on its button. */
export function confirm({ title, text, label, isDangerous = false }, go) {
  act = go;
  at("confirm-title").textContent = title;
  at("confirm-text").textContent = text;
  at("confirm-yes").textContent = label;
  at("confirm-yes").className = isDangerous ? "danger solid" : "primary";
  at("confirm").showModal();
  at("confirm-no").focus();
}

/** Connect the buttons of the dialog. */
export function watchConfirm() {
  at("confirm-no").addEventListener("click", () => at("confirm").close());
  at("confirm-yes").addEventListener("click", () => {
    at("confirm").close();
    act();
  });
}
