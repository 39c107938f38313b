"use strict";
// Shows the cases that the four filters leave, and keeps the filters in the address so that a view can be linked.
(() => {
  const form = document.getElementById("filters");
  const fields = ["method", "level", "verdict", "text"].map((name) => form.elements[name]);
  const cases = [...document.querySelectorAll(".case")];
  const words = new Map();
  const buttons = [...document.querySelectorAll("button[data-set]")];

  const wordsOf = (element) => {
    if (!words.has(element)) {
      words.set(element, element.textContent.toLowerCase());
    }
    return words.get(element);
  };

  const chosen = () => Object.fromEntries(fields.map((field) => [field.name, field.value.trim()]));

  const show = () => {
    const { method, level, verdict, text } = chosen();
    const parts = text.toLowerCase().split(/\s+/).filter(Boolean);
    let left = 0;
    for (const element of cases) {
      const data = element.dataset;
      const keep = (!method || data.method === method) && (!level || data.level === level)
        && (!verdict || data.verdict === verdict || (verdict === "failures" && data.failure === "1"))
        && parts.every((part) => wordsOf(element).includes(part));
      element.hidden = !keep;
      left += keep;
    }
    document.getElementById("shown").textContent =
      left === cases.length ? `All ${left} cases` : `${left} of ${cases.length} cases`;
    for (const button of buttons) {
      const wanted = new URLSearchParams(button.dataset.set);
      const same = ["method", "level", "verdict"].every((name) => (wanted.get(name) || "") === chosen()[name]);
      button.setAttribute("aria-pressed", String(same));
    }
  };

  const remember = () => {
    const query = new URLSearchParams(Object.entries(chosen()).filter(([, value]) => value));
    history.replaceState(null, "", query.size ? `#${query}` : location.pathname + location.search);
  };

  const set = (query) => {
    for (const field of fields) {
      const value = query.get(field.name) || "";
      field.value = value;
      if (field.value !== value) {
        field.value = "";
      }
    }
    show();
  };

  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", () => { show(); remember(); });
  form.addEventListener("reset", () => setTimeout(() => { show(); remember(); }));
  for (const button of buttons) {
    button.addEventListener("click", () => {
      const wanted = new URLSearchParams(button.getAttribute("aria-pressed") === "true" ? "" : button.dataset.set);
      set(wanted);
      remember();
      document.getElementById("cases").scrollIntoView({ block: "start" });
    });
  }
  window.addEventListener("hashchange", () => set(new URLSearchParams(location.hash.slice(1))));
  form.hidden = false;
  set(new URLSearchParams(location.hash.slice(1)));
})();
