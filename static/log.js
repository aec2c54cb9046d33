// Following a log. Without this file the page still grows; it then neither scrolls along nor forgets old lines.
"use strict";

(() => {
  const MOST_ROWS = 2000;
  const lines = document.getElementById("lines");
  const follow = () => document.getElementById("follow");
  const button = document.getElementById("new-lines");
  let following = true;
  let unseen = 0;
  let untold = 0;

  const rows = () => lines.querySelectorAll(".l");
  const isLive = () => follow() && follow().hasAttribute("hx-get");
  const atEnd = () => follow().getBoundingClientRect().top < window.innerHeight + 40;
  const toEnd = () => follow().scrollIntoView({ block: "end" });

  const tell = () => {
    document.getElementById("new-words").textContent =
      unseen ? `${unseen.toLocaleString("en-GB")} new line${unseen === 1 ? "" : "s"}` : "Follow on";
    button.hidden = following || !(unseen || rows().length >= MOST_ROWS);
  };

  // The oldest rows go; a link leads back to them.
  const dropOldest = () => {
    const all = [...rows()];
    const dropped = all.slice(0, Math.max(0, all.length - MOST_ROWS));
    if (!dropped.length) return;
    dropped.forEach((row) => row.remove());
    const first = Number(all[dropped.length].id.slice(1));
    const link = document.getElementById("earlier-link");
    const address = new URL(link.href);
    address.searchParams.set("from", Math.max(1, first - Number(link.dataset.window)));
    address.hash = `L${first - 1}`;
    link.href = address;
    document.getElementById("before-count").textContent = (first - 1).toLocaleString("en-GB");
    document.getElementById("earlier").hidden = false;
  };

  window.addEventListener("scroll", () => {
    following = atEnd();
    if (following) unseen = 0;
    tell();
  }, { passive: true });

  button.addEventListener("click", (event) => {
    event.preventDefault();
    following = true;
    unseen = 0;
    toEnd();
    tell();
  });

  // A reader who looks at older lines keeps them: with a full page nothing more is asked for until they go on.
  document.addEventListener("htmx:beforeRequest", (event) => {
    if (event.target.id === "follow" && !following && rows().length >= MOST_ROWS) event.preventDefault();
  });

  let before = 0;
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (event.detail.target.id === "follow") before = rows().length;
  });
  document.addEventListener("htmx:afterSettle", () => {
    const added = rows().length - before;
    if (added <= 0) return;
    before += added;
    untold += added;
    if (following) {
      dropOldest();
      toEnd();
    } else {
      unseen += added;
    }
    before = rows().length;
    tell();
  });

  // Listeners hear how much came, now and then; reading each line aloud would drown everything else.
  window.setInterval(() => {
    if (!untold) return;
    const words = `${untold.toLocaleString("en-GB")} new line${untold === 1 ? "" : "s"} in the log.`;
    document.getElementById("announce").textContent = isLive() ? words : `${words} The log has ended.`;
    untold = 0;
  }, 15000);

  before = rows().length;
  if (isLive() && !window.location.hash.startsWith("#L")) toEnd();
})();
