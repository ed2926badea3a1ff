/* What the pages gain where scripts run: they work without. No dependency; nothing is kept but whether keys are off.

   Hooks, all of them attributes:
   data-copy="URL"   a link to text: a click fetches it and puts it on the clipboard; without this file it is opened.
   data-key="g o"    these keys, one after the other, follow the link or put the cursor in the field. `data-does` says in the
                     help what they do, else the text of the element does.
   data-rows         on a list or table: `j` and `k` go from one row's first link to the next.
   data-ago          on <time datetime="…">: how long ago that was is written behind it.
   `?` opens the help, which has the switch for all keys. On paper everything that is folded is open. */
"use strict";
(() => {
  const all = (chosen, within = document) => [...within.querySelectorAll(chosen)];
  const make = (name, text = "", more = {}) => Object.assign(document.createElement(name), { textContent: text }, more);

  // --- copy ---
  const said = make("p", "", { className: "visually-hidden", role: "status" });
  if (all("a[data-copy]").length) document.body.append(said);
  const copy = async (link) => {
    const answer = await fetch(link.dataset.copy, { credentials: "same-origin", headers: { Accept: "text/plain" } });
    if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
    await navigator.clipboard.writeText(await answer.text());
  };
  for (const link of all("a[data-copy]")) {
    if (!navigator.clipboard) break; // only where the page came over https or from this machine
    const name = link.textContent;
    link.addEventListener("click", async (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      try {
        await copy(link);
        said.textContent = link.textContent = "Copied";
        setTimeout(() => { link.textContent = name; said.textContent = ""; }, 2000);
      } catch {
        location.assign(link.href);
      }
    });
  }

  // --- how long ago ---
  const units = [["d", 86400], ["h", 3600], ["min", 60]];
  const ago = (seconds) => {
    const [unit, size] = units.find(([, size]) => seconds >= size) ?? ["", 0];
    return size ? `${Math.floor(seconds / size)} ${unit} ago` : "just now";
  };
  for (const time of all("time[data-ago]")) {
    const seconds = (Date.now() - Date.parse(time.dateTime)) / 1000;
    if (seconds >= -60) time.after(make("span", ` ${ago(seconds)}`, { className: "ago" }));
  }

  // --- on paper ---
  let opened = [];
  addEventListener("beforeprint", () => {
    opened = all("details:not([open])");
    for (const one of opened) one.open = true;
  });
  addEventListener("afterprint", () => { for (const one of opened) one.open = false; });

  // --- keys ---
  const store = (value) => {
    try {
      if (value !== undefined) localStorage.setItem("keys", value);
      return localStorage.getItem("keys");
    } catch {
      return value ?? null;
    }
  };
  let off = store() === "off";
  const keyed = all("[data-key]");
  const help = make("dialog", "", { className: "keys" });
  const fill = () => {
    const list = make("dl");
    const row = (keys, does) => {
      const term = make("dt");
      for (const key of keys.split(" ")) term.append(make("kbd", key), " ");
      list.append(term, make("dd", does));
    };
    for (const one of keyed) row(one.dataset.key, one.dataset.does ?? (one.ariaLabel || one.textContent.trim() || one.name));
    if (all("[data-rows]").length) row("j k", "next row, row before");
    row("?", "this help");
    const title = make("h2", "Keys", { id: "keys-title" });
    const label = make("label", " Keys are on");
    const tick = make("input", "", { type: "checkbox", checked: !off });
    tick.addEventListener("change", () => { off = !tick.checked; store(off ? "off" : "on"); });
    label.prepend(tick);
    const form = make("form", "", { method: "dialog" });
    form.append(make("button", "Close", { autofocus: true }));
    help.setAttribute("aria-labelledby", title.id);
    help.replaceChildren(title, list, label, form);
  };
  const open = () => {
    fill();
    if (!help.isConnected) document.body.append(help);
    help.showModal();
  };
  const go = (step) => {
    const links = all("[data-rows]").flatMap((one) => all(one.tBodies ? "tbody tr" : ":scope > *", one))
      .map((one) => one.querySelector("a[href]")).filter(Boolean);
    const row = document.activeElement?.closest("tr, [data-rows] > *");
    const at = links.findIndex((link) => link === document.activeElement || (row && row.contains(link)));
    const to = links[at < 0 ? (step > 0 ? 0 : links.length - 1) : at + step];
    if (to) { to.focus(); to.scrollIntoView({ block: "nearest" }); }
  };
  const typing = (at) => at.isContentEditable || at.matches?.("input:not([type=checkbox], [type=radio]), select, textarea");

  let before = "", since = 0;
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || typing(event.target) || help.open) return;
    if (event.key === "?") { event.preventDefault(); open(); return; }
    if (off || event.key.length > 1) return;
    const both = before && event.timeStamp - since < 1500 ? `${before} ${event.key}` : "";
    before = event.key;
    since = event.timeStamp;
    const of = (keys) => keyed.find((one) => one.dataset.key === keys);
    const one = of(both) ?? of(event.key);
    if (one) {
      event.preventDefault();
      before = "";
      if (typing(one)) one.focus(); else one.click();
    } else if (event.key === "j" || event.key === "k") go(event.key === "j" ? 1 : -1);
  });
})();
