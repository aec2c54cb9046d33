// Small comforts. Every page works without them.
"use strict";

(() => {
  // A refused form: the list of what is wrong gets the focus, so that it is read first.
  const focusSummary = (root) => {
    const summary = root.querySelector("[data-focus]:not(.gallery *)");
    if (summary) summary.focus();
  };

  const openMenus = () => document.querySelectorAll("details.menu[open]");

  // A menu closes when something outside of it is pressed, and on Escape, which gives the focus back.
  document.addEventListener("click", (event) => {
    openMenus().forEach((menu) => { if (!menu.contains(event.target)) menu.open = false; });
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    openMenus().forEach((menu) => {
      if (menu.contains(document.activeElement)) menu.querySelector("summary").focus();
      menu.open = false;
    });
  });
  document.addEventListener("focusin", (event) => {
    openMenus().forEach((menu) => { if (!menu.contains(event.target)) menu.open = false; });
  });

  // "/" goes to the search box, unless somebody is typing.
  const isTyping = (element) => element.closest("input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]");
  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
    const box = document.getElementById("site-search");
    if (!box) return;
    event.preventDefault();
    box.focus();
    box.select();
  });

  // An exact time that was opened stays open when the region around it is replaced.
  const openTimes = (root) =>
    [...root.querySelectorAll("details.when[open] time")].map((time) => time.dateTime);
  let opened = [];
  document.addEventListener("htmx:beforeSwap", (event) => { opened = openTimes(event.detail.target); });
  document.addEventListener("htmx:afterSettle", (event) => {
    const root = event.detail.elt;
    root.querySelectorAll("details.when").forEach((when) => {
      if (opened.includes(when.querySelector("time").dateTime)) when.open = true;
    });
    focusSummary(root);
  });

  // What was just done is told to listeners as well: a live region speaks of changes only, not of what a page comes with.
  const tell = (sentence) => { document.getElementById("announce").textContent = sentence; };
  const told = [...document.querySelectorAll("[data-told]")].map((alert) => alert.textContent.trim());
  if (told.length) setTimeout(() => tell(told.join(" ")), 400);

  // A button that copies a text; where the browser does not let a page do that, the text is selected instead.
  const copy = async (button) => {
    const text = document.getElementById(button.dataset.copy);
    try {
      await navigator.clipboard.writeText(text.textContent);
      tell("Copied.");
    } catch {
      getSelection().selectAllChildren(text);
      tell("The text is selected. Copy it with your keyboard.");
    }
  };
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-copy]");
    if (button) copy(button);
  });
  const showCopies = (root) => root.querySelectorAll("[data-copy]").forEach((button) => { button.hidden = false; });
  document.addEventListener("htmx:afterSettle", (event) => showCopies(event.detail.elt));

  // On a narrow screen the places of the staff area are one line that scrolls: the one that is open is brought into view.
  const places = document.querySelector(".staff-nav");
  const here = places && places.querySelector("[aria-current]");
  if (here) places.scrollLeft += here.getBoundingClientRect().left - places.getBoundingClientRect().left - 16;

  showCopies(document);
  focusSummary(document);
})();
