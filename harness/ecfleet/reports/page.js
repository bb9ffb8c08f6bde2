"use strict";
// The page can be read without this; it adds filters and buttons to copy commands.
(() => {
  const form = document.querySelector("form.filters");
  if (form) {
    const rules = [...document.querySelectorAll(".rule[data-area]")];
    const rows = rules.filter((one) => one.tagName === "TR");
    const status = form.querySelector(".shown");
    const field = (name) => form.elements.namedItem(name);
    const apply = () => {
      const words = field("words").value.toLowerCase().split(/\s+/).filter(Boolean);
      const wanted = new Set([...form.querySelectorAll("[name=verdict]:checked")].map((box) => box.value));
      const area = field("area").value;
      const level = field("level").value;
      for (const one of rules) {
        const { area: of, level: bound, text, verdicts } = one.dataset;
        one.hidden = !(
          words.every((word) => text.includes(word)) &&
          (!area || of === area) &&
          (!level || bound === level) &&
          verdicts.split(" ").some((verdict) => wanted.has(verdict))
        );
      }
      for (const body of document.querySelectorAll(".matrix tbody")) {
        body.hidden = !body.querySelector("tr.rule:not([hidden])");
      }
      for (const head of document.querySelectorAll(".explained h3")) {
        let next = head.nextElementSibling;
        while (next && next.tagName === "DETAILS" && next.hidden) next = next.nextElementSibling;
        head.hidden = !(next && next.tagName === "DETAILS");
      }
      const shown = rows.filter((row) => !row.hidden).length;
      status.textContent = `${shown} of ${rows.length} rules shown`;
    };
    form.addEventListener("input", apply);
    form.addEventListener("submit", (event) => event.preventDefault());
    form.hidden = false;
    apply();
  }

  for (const button of document.querySelectorAll("button.copy")) {
    const code = button.parentElement.querySelector("code");
    const label = button.textContent;
    button.hidden = false;
    button.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(code.textContent);
        button.textContent = "Copied";
      } catch {
        getSelection().selectAllChildren(code);
        button.textContent = "Selected";
      }
      setTimeout(() => { button.textContent = label; }, 2000);
    });
  }

  // A link to a rule unfolds it, whatever the filters hide.
  const unfold = () => {
    const target = location.hash.length > 1 && document.getElementById(location.hash.slice(1));
    const fold = target && target.closest("details");
    if (fold) {
      fold.hidden = false;
      fold.open = true;
      target.scrollIntoView();
    }
  };
  addEventListener("hashchange", unfold);
  unfold();

  // On paper nothing can be unfolded: failures are printed whole.
  const opened = [];
  addEventListener("beforeprint", () => {
    for (const fold of document.querySelectorAll(".failure details:not([open])")) {
      fold.open = true;
      opened.push(fold);
    }
  });
  addEventListener("afterprint", () => {
    for (const fold of opened.splice(0)) fold.open = false;
  });
})();
