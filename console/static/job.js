// Shows how far a job is without loading its page anew; without this script the page has a link that does.
"use strict";

const bar = document.querySelector("progress[data-state]");

async function look() {
  try {
    const answer = await fetch(bar.dataset.state, { headers: { accept: "application/json" } });
    if (answer.ok) {
      const job = await answer.json();
      if (!["queued", "running"].includes(job.state)) {
        window.location.reload();
        return;
      }
      bar.value = job.done;
      document.getElementById("percent").textContent = `${Math.floor((100 * job.done) / job.total)} %`;
    } else if (answer.status === 401) {
      window.location.reload();
      return;
    }
  } catch {
    // The console restarts; the next look finds it.
  }
  window.setTimeout(look, 1000);
}

if (bar) window.setTimeout(look, 500);
