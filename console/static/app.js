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
// Keys of the queue go before others there, and are none elsewhere.
const picks = [...document.querySelectorAll("input[name=pick][type=checkbox]")];
for (const name of ["tick", "tick_all", "bulk"]) {
  if (named.get(keys[name]) === name) named.delete(keys[name]);
  const other = Object.keys(keys).find((one) => one !== name && keys[one] === keys[name]);
  if (keys[name] && picks.length) named.set(keys[name], name);
  else if (other) named.set(keys[other], other);
}

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
  const here = rows.findIndex((row) => row.closest("tr").contains(document.activeElement));
  rows[Math.max(0, Math.min(rows.length - 1, here < 0 ? 0 : here + step))].focus();
};

// --- picking --------------------------------------------------------------------------------------------------------------

const all = document.querySelector("[data-pick-all]");

const picked = () => {
  const count = picks.filter((one) => one.checked).length;
  for (const place of document.querySelectorAll("[data-picked]")) place.textContent = String(count);
  if (all) {
    all.checked = count > 0 && count === picks.length;
    all.indeterminate = count > 0 && count < picks.length;
  }
  return count;
};

const pickAll = (on) => {
  for (const one of picks) one.checked = on;
  say(String(picked()));
};

const tick = () => {
  const row = document.activeElement?.closest("[data-rows] tbody tr") ?? rows[0]?.closest("tr");
  const box = row?.querySelector("input[name=pick]");
  if (!box) return;
  row.querySelector("th a").focus();
  box.checked = !box.checked;
  say(String(picked()));
};

if (picks.length) {
  document.addEventListener("change", (event) => {
    if (event.target === all) pickAll(all.checked);
    else picked();
  });
  // A browser that comes back may have kept what was ticked.
  window.addEventListener("pageshow", picked);
}

const sheet = document.getElementById("keys");

const act = (name) => {
  if (name in JUDGEMENTS) {
    const [verdict, action] = JUDGEMENTS[name];
    if (choose("verdict", verdict) && choose("action", action)) {
      const labels = [...document.querySelectorAll("#decide input:checked")].map((input) => input.parentElement.textContent.trim());
      say(labels.join(", "));
    }
  } else if (name === "tick") tick();
  else if (name === "tick_all") pickAll(!picks.every((one) => one.checked));
  else if (name === "bulk" && !picked()) return;
  else if (name === "down") move(1);
  else if (name === "up") move(-1);
  else if (name === "open") document.activeElement?.closest("[data-rows]") && document.activeElement.click();
  else if (name === "reinstate") document.getElementById("reinstate")?.focus();
  else if (name === "sheet") sheet?.showModal();
  else {
    // What the page itself has comes first: its way back to the queue keeps the filters.
    const own = document.querySelector(`main [data-key="${name}"]`);
    (own ?? document.querySelector(`[data-key="${name}"]`))?.click();
  }
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

// A text that is sent by another way than ours.
for (const button of document.querySelectorAll("[data-copies]")) {
  button.addEventListener("click", async () => {
    const text = document.getElementById(button.dataset.copies);
    // Without a secure origin there is no clipboard: what is selected can be copied by hand.
    text.select();
    await navigator.clipboard?.writeText(text.value);
    say(button.dataset.copied);
  });
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

// --- receipts -------------------------------------------------------------------------------------------------------------
// Asked for, not pushed: a browser keeps six connections to one host, and people open more alerts than that. Only while somebody
// looks, and not for ever: asking keeps the session alive.

let touched = false;
for (const what of ["input", "change", "keydown"]) document.addEventListener(what, () => (touched = true));

for (const place of document.querySelectorAll("[data-fresh]")) {
  const until = Date.now() + 300_000;
  let told = null;
  const ask = async () => {
    if (!document.hidden) {
      const answer = await fetch(place.dataset.fresh, { redirect: "error" }).catch(() => null);
      if (answer && !answer.ok) return;
      if (answer) {
        const text = await answer.text();
        if (told !== text) place.innerHTML = text;
        told = text;
        const moved = answer.headers.get("x-vigie-standing") !== place.dataset.standing;
        // The whole page is out of date, and nobody has begun anything on it that a new one would take away.
        if (moved && !touched) {
          window.location.replace(place.dataset.fresh.replace(/\/receipts$/, "") + window.location.search);
          return;
        }
      }
    }
    if (Date.now() < until) setTimeout(ask, 1500);
  };
  ask();
}
