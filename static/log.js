// Following a log (docs/live.md). Without this file htmx still lets the page grow, by asking; it then neither scrolls
// along nor forgets old lines.
"use strict";

(() => {
  const MOST_ROWS = 2000;
  const TRY_AGAIN = 15000;
  const lines = document.getElementById("lines");
  const button = document.getElementById("new-lines");
  const follow = () => document.getElementById("follow");
  const rows = () => lines.querySelectorAll(".l");
  const next = () => Number(follow().dataset.next);
  const isLive = () => follow().hasAttribute("hx-get");
  const atEnd = () => follow().getBoundingClientRect().top < window.innerHeight + 40;
  const toEnd = () => follow().scrollIntoView({ block: "end" });
  const counted = (count) => `${count.toLocaleString("en-GB")} new line${count === 1 ? "" : "s"}`;

  let following = true;
  let held = false; // the page is full and its reader looks at older lines: new ones are counted, not shown
  let unseen = 0;
  let untold = 0;

  const tell = () => {
    document.getElementById("new-words").textContent = unseen ? counted(unseen) : "Follow on";
    button.hidden = following || !(unseen || rows().length >= MOST_ROWS);
  };

  const leadBackFrom = (first) => {
    const link = document.getElementById("earlier-link");
    const address = new URL(link.href);
    address.searchParams.set("from", Math.max(1, first - Number(link.dataset.window)));
    address.hash = `L${first - 1}`;
    link.href = address;
    document.getElementById("before-count").textContent = (first - 1).toLocaleString("en-GB");
    document.getElementById("earlier").hidden = first <= 1;
  };

  // The oldest rows go; a link leads back to them.
  const dropOldest = () => {
    const all = [...rows()];
    const dropped = all.slice(0, Math.max(0, all.length - MOST_ROWS));
    if (!dropped.length) return;
    dropped.forEach((row) => row.remove());
    [...lines.querySelectorAll(".log-group")].slice(0, -1).forEach((group) => {
      if (!group.querySelector(".l")) group.remove();
    });
    leadBackFrom(Number(all[dropped.length].id.slice(1)));
  };

  // Lines of a group that came later than its beginning go into it.
  const joinGroups = () => {
    lines.querySelectorAll(".log-group").forEach((part) => {
      const group = lines.querySelector(`.log-group[data-group="${part.dataset.group}"]`);
      if (group === part) return;
      group.querySelector("ol").append(...part.querySelectorAll(".l"));
      group.querySelector(".sub").replaceWith(part.querySelector(".sub"));
      part.remove();
    });
  };

  const grown = (added) => {
    untold += added;
    joinGroups();
    if (following) {
      dropOldest();
      toEnd();
    } else {
      unseen += added;
    }
    tell();
  };

  // --- by events ---------------------------------------------------------------------------------------------------

  let source = null;
  const hasEvents = () => source !== null && source.readyState === EventSource.OPEN;

  const disconnect = () => {
    if (source) source.close();
    source = null;
  };

  const connect = () => {
    if (source || held || document.hidden || !isLive() || !follow().dataset.stream) return;
    source = new EventSource(`${follow().dataset.stream}&from=${next()}`);
    source.addEventListener("rows", take);
    source.addEventListener("jump", jump);
    source.addEventListener("state", ask);
    source.addEventListener("end", () => { disconnect(); if (!held) ask(); });
    source.addEventListener("denied", () => { disconnect(); window.location.reload(); });
    source.addEventListener("error", () => {
      // Answered without events: everybody's places are taken. The page asks until there is one.
      if (source && source.readyState === EventSource.CLOSED) source = null;
    });
  };
  window.setInterval(connect, TRY_AGAIN);

  const ask = () => window.htmx.trigger(follow(), "ask");

  const read = (event) => {
    const template = document.createElement("template");
    template.innerHTML = event.data;
    return template.content;
  };

  const numberOf = (row) => Number(row.id.slice(1));

  function take(event) {
    const fresh = read(event);
    const came = fresh.querySelectorAll("[id^=L]");
    if (Number(event.lastEventId) <= next()) return;
    if (numberOf(came[0]) > next() && !held) {
      disconnect();
      connect();
      return;
    }
    const known = [...came].filter((row) => numberOf(row) < next());
    known.forEach((row) => { if (row.matches(".l")) row.remove(); else row.removeAttribute("id"); });
    const added = came.length - known.length;
    held = held || (!following && rows().length >= MOST_ROWS);
    if (held) {
      hold(event);
      return;
    }
    follow().before(fresh);
    follow().dataset.next = event.lastEventId;
    document.getElementById("follow-words").textContent = "Live.";
    grown(added);
  }

  // Too many lines lie between what is shown and the end: who follows goes on at the end, who does not is told.
  function jump(event) {
    if (!following) {
      hold(event);
      return;
    }
    const fresh = read(event);
    const first = numberOf(fresh.querySelector("[id^=L]"));
    const missed = Number(event.lastEventId) - next();
    lines.querySelectorAll(".l, .log-group").forEach((row) => row.remove());
    follow().before(fresh);
    follow().dataset.next = event.lastEventId;
    leadBackFrom(first);
    grown(missed);
  }

  const hold = (event) => {
    held = true;
    const count = Number(event.lastEventId) - next();
    untold += Math.max(0, count - unseen);
    unseen = Math.max(unseen, count);
    tell();
  };

  const resume = () => {
    if (!held) return;
    held = false;
    disconnect();
    connect();
  };

  document.addEventListener("visibilitychange", () => {
    if (document.hidden) disconnect();
    else connect();
  });

  // --- by asking ---------------------------------------------------------------------------------------------------

  const isFollow = (event) => event.target.id === "follow";

  document.addEventListener("htmx:configRequest", (event) => {
    if (isFollow(event)) event.detail.path = event.detail.path.replace(/([?&]from=)\d+/, `$1${next()}`);
  });

  // Nothing is asked for while events come, nobody looks, or the page is full and its reader looks at older lines.
  document.addEventListener("htmx:beforeRequest", (event) => {
    if (!isFollow(event)) return;
    const cause = event.detail.requestConfig.triggeringEvent;
    const full = !following && rows().length >= MOST_ROWS;
    if ((!cause || cause.type !== "ask") && (hasEvents() || document.hidden || full)) event.preventDefault();
  });

  let before = 0;
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (event.detail.target.id !== "follow") return;
    before = rows().length;
    const asked = new URL(event.detail.xhr.responseURL).searchParams.get("from");
    if (asked === null || Number(asked) === next() || event.detail.xhr.status !== 200) return;
    event.detail.shouldSwap = false; // events were quicker with these lines
    window.setTimeout(ask, 300);
  });
  document.addEventListener("htmx:afterSettle", (event) => {
    const added = rows().length - before;
    if (added > 0) grown(added);
    before = rows().length;
    connect();
  });

  // --- the reader --------------------------------------------------------------------------------------------------

  const goOn = () => {
    following = true;
    unseen = 0;
    resume();
  };

  window.addEventListener("scroll", () => {
    if (atEnd()) goOn();
    else following = false;
    tell();
  }, { passive: true });

  button.addEventListener("click", (event) => {
    event.preventDefault();
    goOn();
    toEnd();
    tell();
  });

  // A press on a number marks the line and puts its address into the address bar; with Shift, a range of lines.
  lines.addEventListener("click", (event) => {
    const link = event.target.closest("a.n");
    if (!link || event.ctrlKey || event.metaKey || event.button) return;
    event.preventDefault();
    const number = Number(link.textContent);
    const marked = lines.querySelector(".l.here");
    const other = event.shiftKey && marked ? numberOf(marked) : number;
    const [first, last] = [Math.min(number, other), Math.max(number, other)];
    rows().forEach((row) => row.classList.toggle("here", numberOf(row) >= first && numberOf(row) <= last));
    const address = new URL(link.href);
    address.searchParams.set("line", first === last ? first : `${first}-${last}`);
    address.hash = `L${first}`;
    window.history.replaceState(null, "", address);
  });

  // Listeners hear how much came, now and then; reading each line aloud would drown everything else.
  window.setInterval(() => {
    if (!untold) return;
    const words = `${counted(untold)} in the log.`;
    document.getElementById("announce").textContent = isLive() ? words : `${words} The log has ended.`;
    untold = 0;
  }, 15000);

  before = rows().length;
  if (isLive() && !window.location.hash.startsWith("#L")) toEnd();
  connect();
})();
