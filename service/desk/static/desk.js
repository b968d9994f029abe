// Small conveniences; every page works without them.
"use strict";

const search = document.getElementById("q");
const hits = document.getElementById("hits");

document.addEventListener("keydown", (event) => {
  const typing = event.target.closest?.("input, textarea, select, [contenteditable]");
  if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
    event.preventDefault();
    search.focus();
    search.select();
  } else if (event.key === "Escape" && hits.contains(document.activeElement ?? null)) {
    closeHits();
    search.focus();
  } else if (event.key === "Escape" && event.target === search) {
    closeHits();
  } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    walkHits(event);
  }
});

document.addEventListener("click", (event) => {
  if (!event.target.closest(".search")) closeHits();
});

// htmx starts in a task of its own, after this script's; what was typed before counts too.
setTimeout(() => {
  if (search.value && document.activeElement === search) search.dispatchEvent(new Event("input"));
});

// Whoever decides types their name once per browser.
document.addEventListener("submit", (event) => {
  const name = event.target.querySelector("[data-who]");
  if (name?.value.trim()) localStorage.setItem("lineproof-who", name.value.trim());
});

document.addEventListener("htmx:after:swap", fillNames);
fillNames();

const report = document.getElementById("report");
if (report && location.hash === "#report") report.open = true;
report?.addEventListener("toggle", () => report.open && report.querySelector("textarea[name=words]").focus());

// What a person types into a field counts more than what the words say; an answer still on its way must not undo it.
document.getElementById("heard")?.addEventListener("input", () => {
  report.querySelector("textarea[name=words]").dispatchEvent(new Event("htmx:abort"));
});

// An answer that is still on its way must not open them again.
function closeHits() {
  search.dispatchEvent(new Event("htmx:abort"));
  hits.replaceChildren();
}

function walkHits(event) {
  const links = [...hits.querySelectorAll("a")];
  const place = links.indexOf(document.activeElement);
  if (!links.length || (event.target !== search && place < 0)) return;
  event.preventDefault();
  const next = place + (event.key === "ArrowDown" ? 1 : -1);
  (links[Math.min(next, links.length - 1)] ?? search).focus();
}

function fillNames() {
  for (const name of document.querySelectorAll("[data-who]")) {
    if (!name.value) name.value = localStorage.getItem("lineproof-who") ?? "";
  }
}
