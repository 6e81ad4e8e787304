// The theme: the system's, light, or dark. It is not a module, and it is in the head, so that no wrong colour flashes up.
"use strict";
(() => {
  const THEMES = ["auto", "light", "dark"];
  const WORDS = { auto: "Colours as the system has them", light: "Light colours", dark: "Dark colours" };
  const system = matchMedia("(prefers-color-scheme: dark)");

  function kept() {
    try {
      const theme = localStorage.getItem("theme");
      return THEMES.includes(theme) ? theme : "auto";
    } catch {
      // The browser keeps nothing for this page.
      return "auto";
    }
  }

  let theme = kept();

  function apply() {
    const dark = theme === "dark" || (theme === "auto" && system.matches);
    document.documentElement.dataset.theme = dark ? "dark" : "light";
    dispatchEvent(new Event("themechange"));
  }

  function label(button) {
    button.querySelector("use").setAttribute("href", `#icon-${theme}`);
    button.querySelector("span").textContent = `${WORDS[theme]}; change`;
    button.title = WORDS[theme];
  }

  apply();
  system.addEventListener("change", apply);
  addEventListener("DOMContentLoaded", () => {
    const button = document.getElementById("theme");
    label(button);
    button.addEventListener("click", () => {
      theme = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length];
      try {
        localStorage.setItem("theme", theme);
      } catch {
        // The choice holds until the page is left.
      }
      label(button);
      apply();
    });
  });
})();
