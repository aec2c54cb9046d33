// Comforts of the pages of Level 4. Every page works without them.
"use strict";

(() => {
  // The cell that an address names is brought into view in its table.
  const showCell = () => {
    const cell = document.querySelector("#grid td.here");
    if (cell) cell.scrollIntoView({ block: "center", inline: "center" });
  };

  // Arrow keys go through a tree: up and down among what is in view, right into a folder, left out of it.
  const entries = (tree) => [...tree.querySelectorAll("summary, a")].filter((entry) => entry.checkVisibility());

  const into = (entry) => {
    const folder = entry.matches("summary") && entry.parentElement;
    if (!folder) return null;
    if (!folder.open) { folder.open = true; return entry; }
    return folder.querySelector(":scope > ul summary, :scope > ul a");
  };

  const outOf = (entry) => {
    const own = entry.matches("summary") && entry.parentElement;
    if (own && own.open) { own.open = false; return entry; }
    const folder = (own || entry).parentElement.closest("details");
    return folder && folder.querySelector("summary");
  };

  const next = (key, entry, all) => {
    const at = all.indexOf(entry);
    switch (key) {
      case "ArrowDown": return all[at + 1];
      case "ArrowUp": return all[at - 1];
      case "Home": return all[0];
      case "End": return all[all.length - 1];
      case "ArrowRight": return into(entry);
      case "ArrowLeft": return outOf(entry);
      default: return undefined;
    }
  };

  document.addEventListener("keydown", (event) => {
    const tree = event.target.closest("ul.tree");
    if (!tree || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
    const entry = event.target.closest("summary, a");
    const wanted = entry && next(event.key, entry, entries(tree));
    if (wanted === undefined || wanted === null) return;
    event.preventDefault();
    wanted.focus();
  });

  document.addEventListener("htmx:afterSettle", (event) => { if (event.detail.elt.id === "contents") showCell(); });
  showCell();
})();
