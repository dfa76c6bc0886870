// Sets the colour scheme before anything is painted. A file of its own, because the page's policy allows no inline script.
(function () {
  var chosen = null;
  try {
    chosen = localStorage.getItem("bailey-scheme");
  } catch {
    // Storage is switched off: the system's scheme it is.
  }
  var dark = chosen === "dark" || (chosen !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
  document.documentElement.setAttribute("data-mantine-color-scheme", dark ? "dark" : "light");
})();
