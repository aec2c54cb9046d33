// Keys of the review desk. Every key has a button or link in view, marked data-key; the page works without them.
"use strict";

(() => {
  const OFF = "desk-keys-off";
  const WAIT = 1500; // how long "g" waits for the letter after it, in milliseconds
  let going = 0;
  let chosen = false; // a field was chosen while the server had not answered: it keeps the focus

  const kept = () => { try { return localStorage.getItem(OFF) === "1"; } catch { return false; } };
  const keep = (off) => { try { localStorage.setItem(OFF, off ? "1" : "0"); } catch { /* for this page only */ } };
  let off = kept();

  const isTyping = (element) => element.closest("input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]");
  const show = (element) => {
    for (let outer = element.closest("details:not([open])"); outer; outer = outer.parentElement.closest("details:not([open])")) outer.open = true;
    element.scrollIntoView({ block: "center", inline: "nearest" });
  };

  // A field gets the focus; a link or button is pressed. One that is shut gets the focus, so that its reason is read.
  const act = (element) => {
    show(element);
    const field = element.matches("input, textarea, select");
    const shut = element.getAttribute("aria-disabled") === "true";
    if (element.matches("details")) {
      element.open = true;
      element.querySelector("summary").focus();
    } else if (field || shut) {
      chosen = true;
      element.focus();
    } else element.click();
  };

  // The findings in the order of the list; the one at hand is marked, its cell scrolled in view.
  const step = (direction) => {
    const all = [...document.querySelectorAll(".findings > li[id]")];
    if (!all.length) return;
    const at = all.findIndex((one) => one.classList.contains("here"));
    const next = all[at < 0 ? (direction > 0 ? 0 : all.length - 1) : (at + direction + all.length) % all.length];
    all.forEach((one) => one.classList.toggle("here", one === next));
    const place = next.querySelector("[data-place] a");
    const cell = place && document.getElementById(place.hash.slice(1));
    if (cell) show(cell);
    show(next);
    next.tabIndex = -1;
    next.focus({ preventScroll: true });
  };

  const reason = () => {
    const here = document.querySelector(".findings > li.here") || document;
    return here.querySelector("[data-key=w]") || document.querySelector("[data-key=w]");
  };

  const wanted = (key) => {
    if (key === "w") return reason();
    if (key === "s") return document.querySelector('nav[aria-label="Ways to look at it"] a:not([aria-current])');
    return document.querySelector(`[data-key="${CSS.escape(key)}"]`);
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || isTyping(event.target)) return;
    if (off && event.key !== "?") return;
    const key = Date.now() - going < WAIT ? `g ${event.key}` : event.key;
    going = 0;
    if (key === "g") { going = Date.now(); return; }
    if ((key === "f" || key === "F") && document.querySelector(".findings > li[id]")) {
      event.preventDefault();
      step(key === "f" ? 1 : -1);
      return;
    }
    const element = wanted(key);
    if (!element) return;
    event.preventDefault();
    event.stopPropagation(); // "/" goes to the search of the table here, not to that of the site
    act(element);
  }, true);

  // The list of keys holds the switch that turns them off.
  const box = document.getElementById("keys-on");
  if (box) {
    box.checked = !off;
    box.addEventListener("change", () => { off = !box.checked; keep(off); });
  }

  document.addEventListener("htmx:beforeRequest", () => { chosen = false; });
  document.addEventListener("pointerdown", (event) => { chosen = chosen || Boolean(isTyping(event.target)); });

  // After an answer of the server in place, the heading of what changed has the focus.
  document.addEventListener("htmx:afterSettle", (event) => {
    const heading = event.detail.elt.querySelector("[data-changed]");
    if (heading && !chosen) { heading.tabIndex = -1; heading.focus({ preventScroll: true }); }
  });
})();
