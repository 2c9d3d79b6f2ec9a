// The console's script. Pages work without it; it adds what only a script can.
"use strict";

document.documentElement.dataset.script = "on";

// A form that was sent once is not sent again by an impatient second click; the server would take it for one decision anyway.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.dataset.sent) {
    event.preventDefault();
    return;
  }
  form.dataset.sent = "yes";
});

// A page that comes back from the browser's memory may be sent again, and may be out of date.
window.addEventListener("pageshow", (event) => {
  if (event.persisted) window.location.reload();
});

// --- keys -----------------------------------------------------------------------------------------------------------------
// Single keys do nothing while somebody types, in a dialog, or with Ctrl, Alt or Meta held; each can be changed or turned off.

const keys = JSON.parse(document.body.dataset.keys || "{}");
const named = new Map(Object.entries(keys).map(([name, key]) => [key, name]));

for (const place of document.querySelectorAll("[data-shows]")) {
  const key = keys[place.dataset.shows];
  if (key) place.textContent = key;
  else place.remove();
}

const say = (text) => {
  document.getElementById("said").textContent = text;
};

const choose = (name, value) => {
  const input = document.querySelector(`#decide input[name="${name}"][value="${value}"]`);
  if (!input) return false;
  input.checked = true;
  input.dispatchEvent(new Event("change", { bubbles: true }));
  return true;
};

// A digit fills both fields; either can still be changed by itself.
const JUDGEMENTS = {
  no_breach: ["no_breach", "none"],
  breach_watch: ["breach", "watch"],
  warn: ["breach", "warn"],
  restrict: ["breach", "restrict"],
  suspend: ["breach", "suspend"],
  unsure: ["inconclusive", "none"],
};

const rows = [...document.querySelectorAll("[data-rows] tbody a")];

const move = (step) => {
  if (!rows.length) return;
  const here = rows.indexOf(document.activeElement);
  rows[Math.max(0, Math.min(rows.length - 1, here < 0 ? 0 : here + step))].focus();
};

const sheet = document.getElementById("keys");

const act = (name) => {
  if (name in JUDGEMENTS) {
    const [verdict, action] = JUDGEMENTS[name];
    if (choose("verdict", verdict) && choose("action", action)) {
      const labels = [...document.querySelectorAll("#decide input:checked")].map((input) => input.parentElement.textContent.trim());
      say(labels.join(", "));
    }
  } else if (name === "down") move(1);
  else if (name === "up") move(-1);
  else if (name === "open") document.activeElement?.closest("[data-rows]") && document.activeElement.click();
  else if (name === "reinstate") document.getElementById("reinstate")?.focus();
  else if (name === "sheet") sheet?.showModal();
  else document.querySelector(`[data-key="${name}"]`)?.click();
};

const typing = (target) =>
  target.closest("input:not([type=radio], [type=checkbox], [type=hidden]), textarea, select, [contenteditable], dialog[open]") !== null;

document.addEventListener("keydown", (event) => {
  const form = document.getElementById("decide");
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && form && !sheet?.open) {
    event.preventDefault();
    form.requestSubmit();
    return;
  }
  if (event.ctrlKey || event.altKey || event.metaKey || event.isComposing || event.repeat) return;
  if (!named.size || sheet?.open || typing(event.target)) return;
  const name = named.get(event.key);
  const reason = document.getElementById("reason");
  if (name) {
    event.preventDefault();
    act(name);
  } else if (reason && event.key.length === 1 && "abcdefgh".includes(event.key)) {
    event.preventDefault();
    reason.selectedIndex = "abcdefgh".indexOf(event.key) + 1;
    say(reason.selectedOptions[0].textContent);
  }
});

document.querySelector('a[data-key="sheet"]')?.addEventListener("click", (event) => {
  if (!sheet || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  sheet.showModal();
});

// How long the page was looked at before the decision.
const opened = Date.now();
document.getElementById("decide")?.addEventListener("submit", (event) => {
  const field = event.target.querySelector("[data-seconds]");
  if (field && !field.value) field.value = String(Math.round((Date.now() - opened) / 1000));
});

// The offer to undo goes when it is over.
for (const offer of document.querySelectorAll("[data-gone-after]")) {
  setTimeout(() => offer.remove(), Number(offer.dataset.goneAfter));
}

// --- counts ---------------------------------------------------------------------------------------------------------------

const head = document.querySelector("[data-counts]");
if (head && "EventSource" in window) {
  let first = null;
  const source = new EventSource(head.dataset.counts);
  source.addEventListener("counts", (event) => {
    // Rows do not move under a person's eyes: a line says that there is something new.
    if (first !== null && first !== event.data) document.getElementById("news").hidden = false;
    first ??= event.data;
  });
  source.addEventListener("over", () => source.close());
  window.addEventListener("pagehide", () => source.close());
}
