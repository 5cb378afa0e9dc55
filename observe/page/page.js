"use strict";
(() => {
  const every = 2000;
  const live = document.getElementById("live");
  const state = document.getElementById("state");
  const pause = document.getElementById("pause");
  let paused = live.classList.contains("paused");

  const show = (text, name) => {
    live.className = "live " + name;
    state.textContent = text;
    pause.textContent = paused ? "resume" : "pause";
  };

  // What is open stays open, and what has the focus keeps it.
  const swap = (fresh) => {
    const page = document.getElementById("page");
    const next = fresh.getElementById("page");
    for (const open of page.querySelectorAll("details[open]")) {
      const same = next.querySelector("#" + CSS.escape(open.id));
      if (same) same.open = true;
      else if (open.matches("section.calls > .call")) next.querySelector("section.calls").append(document.adoptNode(open));
    }
    const focused = page.contains(document.activeElement) && document.activeElement.closest("details");
    page.replaceWith(document.adoptNode(next));
    live.querySelector("time").textContent = fresh.querySelector("#live time").textContent;
    const again = focused && document.getElementById(focused.id);
    if (again) again.querySelector("summary").focus({ preventScroll: true });
  };

  const refresh = async () => {
    if (paused || document.hidden || !getSelection().isCollapsed) return;
    try {
      const answer = await fetch(location.pathname, { cache: "no-store" });
      if (!answer.ok) throw new Error("status " + answer.status);
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      if (paused) return;
      swap(fresh);
      show("live", "");
    } catch (error) {
      if (!paused) show("not updated (" + error.message + ") since", "stale");
    }
  };

  pause.addEventListener("click", (event) => {
    event.preventDefault();
    paused = !paused;
    show(paused ? "paused" : "live", paused ? "paused" : "");
    refresh();
  });
  document.addEventListener("visibilitychange", refresh);
  const loop = async () => {
    await refresh();
    setTimeout(loop, every);
  };
  setTimeout(loop, every);
})();
