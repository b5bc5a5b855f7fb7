// The page works without this script; it adds the filter, copying, Airflow's colours and links to runs.
"use strict";

// Airflow's own frame around this page; null where the page is open by itself.
const around = (() => {
  try {
    return window.parent !== window && window.parent.document ? window.parent : null;
  } catch {
    return null; // another origin
  }
})();

function takeColours() {
  const root = around.document.documentElement;
  const dark = root.classList.contains("dark") || root.dataset.theme === "dark" || root.style.colorScheme === "dark";
  document.documentElement.dataset.theme = dark ? "dark" : "light";
}

if (around) {
  takeColours();
  const attributes = { attributes: true, attributeFilter: ["class", "style", "data-theme"] };
  new MutationObserver(takeColours).observe(around.document.documentElement, attributes);
}

// Airflow's frame allows neither new windows nor navigation of the window around it. Its router listens to the
// history of that window, which a page of the same origin may change.
document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-app]");
  if (!link || !around || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  around.history.pushState(null, "", link.href);
  around.dispatchEvent(new around.PopStateEvent("popstate", { state: null }));
});

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const field = document.createElement("textarea");
    field.value = text;
    field.setAttribute("readonly", "");
    field.className = "hidden";
    document.body.append(field);
    field.select();
    const done = document.execCommand("copy");
    field.remove();
    return done;
  }
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("button[data-copy], button[data-copy-link]");
  if (!button) return;
  const link = button.dataset.copyLink;
  const done = await copy(link ? new URL(link, document.baseURI).href : button.dataset.copy);
  const before = button.dataset.label || button.textContent;
  button.dataset.label = before;
  button.textContent = done ? "Copied" : "Select and copy by hand";
  button.focus();
  window.setTimeout(() => { button.textContent = before; }, 2000);
});

const filter = document.querySelector("form.filter");
if (filter) {
  const cards = [...document.querySelectorAll(".cards .card")];
  const texts = new Map(cards.map((card) => [
    card,
    [...card.querySelectorAll("h2, .scope, .place")].map((part) => part.textContent).join(" ").toLowerCase(),
  ]));
  const apply = () => {
    const words = filter.elements.text.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const card of cards) {
      const fits = words.every((word) => texts.get(card).includes(word));
      card.hidden = !fits || (filter.elements.problems.checked && !card.classList.contains("problem"));
      shown += card.hidden ? 0 : 1;
    }
    filter.querySelector("output").textContent = `${shown} of ${cards.length}`;
  };
  filter.hidden = false;
  filter.addEventListener("input", apply);
  filter.addEventListener("submit", (event) => event.preventDefault());
}

// On a narrow screen the calendars come first.
const legend = document.querySelector(".cards") && document.querySelector(".legend");
if (legend && window.innerWidth > 700) legend.open = true;

// On a narrow screen the newest days are what somebody looks for.
for (const box of document.querySelectorAll(".scroll")) {
  if (box.querySelector(".calendar, .bars")) box.scrollLeft = box.scrollWidth;
}
