(function () {
  "use strict";
  var root = document.documentElement, tools = document.getElementById("tools");
  var list = function (where, what) { return Array.prototype.slice.call(where.querySelectorAll(what)); };
  root.classList.add("js");
  list(document, ".toggle").forEach(function (t) { t.hidden = false; });

  // Text or bytes.
  document.addEventListener("click", function (e) {
    var b = e.target.closest ? e.target.closest(".toggle button") : null;
    if (!b) return;
    b.closest(".hunk").setAttribute("data-show", b.getAttribute("data-show"));
    list(b.parentNode, "button").forEach(function (o) { o.setAttribute("aria-pressed", String(o === b)); });
  });

  // A link to a difference opens it.
  function follow() {
    var id = location.hash.slice(1), at = id && document.getElementById(id);
    if (at && at.tagName === "DETAILS") at.open = true;
  }
  window.addEventListener("hashchange", follow);
  follow();

  // On paper all is open.
  var closed = [];
  window.addEventListener("beforeprint", function () {
    closed = list(document, "details:not([open])");
    closed.forEach(function (d) { d.open = true; });
  });
  window.addEventListener("afterprint", function () { closed.forEach(function (d) { d.open = false; }); });

  if (!tools) return;
  tools.hidden = false;
  var input = document.getElementById("filter"), count = document.getElementById("count"), all = document.getElementById("all");
  var groups = list(document, ".group"), findings = list(document, ".group .finding"), chips = list(tools, ".chip");

  function filter() {
    var words = input.value.toLowerCase().split(/\s+/).filter(Boolean), shown = 0;
    findings.forEach(function (f) {
      var text = " " + f.getAttribute("data-find") + " ";
      // A class is a whole word: T1 is not T12.
      f.hidden = !words.every(function (w) { return text.indexOf(/^t\d+$/.test(w) ? " " + w + " " : w) >= 0; });
      if (!f.hidden) shown++;
    });
    groups.forEach(function (g) { g.hidden = !g.querySelector(".finding:not([hidden])"); });
    chips.forEach(function (c) { c.setAttribute("aria-pressed", String(words.indexOf(c.getAttribute("data-filter").toLowerCase()) >= 0)); });
    count.textContent = words.length ? shown + " of " + findings.length + " shown" : "";
  }
  input.addEventListener("input", filter);
  tools.addEventListener("submit", function (e) { e.preventDefault(); });
  chips.forEach(function (c) {
    c.addEventListener("click", function () {
      input.value = c.getAttribute("aria-pressed") === "true" ? "" : c.getAttribute("data-filter");
      filter();
    });
  });
  all.addEventListener("click", function () {
    var open = all.textContent === "Open all";
    findings.forEach(function (f) { if (!f.hidden) f.open = open; });
    all.textContent = open ? "Close all" : "Open all";
  });
})();
