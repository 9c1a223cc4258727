"use strict";
// The browser of items. Texts come from models: they are only ever put into text nodes.
(() => {
  const PAGE = 25;
  const section = document.getElementById("browse");
  const controls = [...section.querySelectorAll("[data-filter]")];
  const list = section.querySelector(".list");
  const status = section.querySelector("[role=status]");
  const [before, after] = section.querySelectorAll(".turn");
  let page = null;

  const unpack = async () => {
    const text = atob(document.getElementById("item-block").textContent.trim());
    const bytes = new Uint8Array(text.length);
    for (let i = 0; i < text.length; i += 1) bytes[i] = text.charCodeAt(i);
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    const found = JSON.parse(await new Response(stream).text());
    const name = (row, field) => row[found.fields.indexOf(field)];
    found.items = found.rows.map((row, place) => {
      const item = { place };
      for (const field of found.fields) item[field] = name(row, field);
      item.candidate = found.candidates[item.candidate];
      item.cell = found.cells[item.cell];
      item.change = found.changes[item.change];
      item.failed = item.failed.map((each) => (each < 0 ? "" : found.failures[each]));
      return item;
    });
    return found;
  };

  const add = (parent, tag, text = "", attributes = {}) => {
    const made = document.createElement(tag);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    if (text) made.textContent = text;
    parent.append(made);
    return made;
  };

  const wanted = () => new URLSearchParams(location.hash.replace(/^#browse&?/, ""));
  const link = (given) => `#browse&${new URLSearchParams(given)}`;

  const answer = (parent, title, [same, mark, rest]) => {
    const box = add(parent, "div");
    add(box, "h4", title);
    const text = add(box, "pre", "", { dir: "auto" });
    add(text, "span", same, { class: "same" });
    if (mark) add(text, "mark", mark);
    text.append(rest);
  };

  const SHADES = ["", "less than 1/2", "less than 1/10", "less than 1/100"];
  const shades = (parent, pieces) => {
    if (!pieces.length) return;
    const folded = add(parent, "details");
    add(folded, "summary", "the baseline's answer as the candidate finds it: the darker a token, the less likely");
    const text = add(folded, "pre", "", { dir: "auto" });
    for (const [piece, shade] of pieces) {
      if (shade) add(text, "span", piece, { class: `shade-${shade}`, title: `${SHADES[shade]} by the candidate` });
      else text.append(piece);
    }
  };

  const fill = (box, item) => {
    add(box, "p", item.note, { class: "muted" });
    const both = add(box, "div", "", { class: "answers" });
    answer(both, "baseline", item.answers[0]);
    answer(both, "candidate", item.answers[1]);
    shades(box, item.surprise);
    add(box, "h4", "expected");
    add(box, "pre", item.reference, { dir: "auto" });
    const folded = add(box, "details");
    add(folded, "summary", "prompt");
    add(folded, "pre", item.prompt, { dir: "auto" });
    add(box, "p", item.more, { class: "muted" });
    add(box, "a", "link to this item", { href: link({ candidate: item.candidate, item: item.id }) });
  };

  const line = (item, open) => {
    const box = add(list, "details", "", { class: `flip ${item.change}` });
    const summary = add(box, "summary");
    add(summary, "span", item.change, { class: "kind" });
    const failed = item.failed.some(Boolean) ? ` · ${item.failed.map((each) => each || "right").join(" → ")}` : "";
    summary.append(` ${item.id} · ${item.scores}${failed}`);
    box.addEventListener("toggle", () => {
      if (box.open && box.children.length === 1) fill(box, item);
    });
    box.open = open;
  };

  const matches = (item, asked) => {
    const find = (asked.get("find") || "").toLowerCase();
    const words = () => [item.id, item.prompt, item.reference, ...item.answers.map((each) => each.join(""))].join("\n").toLowerCase();
    return (
      ["candidate", "cell", "change"].every((key) => !asked.get(key) || item[key] === asked.get(key)) &&
      (!asked.get("failed") || item.failed.includes(asked.get("failed"))) &&
      (!asked.get("item") || item.id === asked.get("item")) &&
      (!find || words().includes(find))
    );
  };

  const show = () => {
    const asked = wanted();
    for (const control of controls) control.value = asked.get(control.dataset.filter) || "";
    const found = page.items.filter((item) => matches(item, asked));
    const pages = Math.max(1, Math.ceil(found.length / PAGE));
    const at = Math.min(Math.max(Number(asked.get("page")) || 1, 1), pages);
    const first = (at - 1) * PAGE;
    list.replaceChildren();
    for (const item of found.slice(first, first + PAGE)) line(item, asked.has("item"));
    const range = found.length ? `${first + 1} to ${Math.min(first + PAGE, found.length)} of ` : "";
    status.textContent = `${range}${found.length.toLocaleString("en")} items`;
    before.disabled = at === 1;
    after.disabled = at === pages;
    before.onclick = () => turn(at - 1);
    after.onclick = () => turn(at + 1);
  };

  const go = (given) => {
    history.replaceState(null, "", link(given));
    show();
  };
  const turn = (to) => {
    const asked = Object.fromEntries(wanted());
    go({ ...asked, page: to });
    list.querySelector("summary")?.focus();
  };

  const choose = () => {
    const given = {};
    for (const control of controls) if (control.value) given[control.dataset.filter] = control.value;
    go(given);
  };

  const options = (control) => {
    const names = { candidate: page.candidates, cell: page.cells, change: page.changes, failed: page.failures };
    for (const each of names[control.dataset.filter] || []) add(control, "option", each, { value: each });
    control.addEventListener(control.tagName === "INPUT" ? "input" : "change", choose);
  };

  let unpacking = null;
  const begin = async () => {
    status.textContent = "unpacking";
    try {
      page = await unpack();
    } catch (error) {
      status.textContent = `This browser cannot unpack them (${error}); outcomes.parquet holds every item.`;
      return;
    }
    controls.forEach(options);
  };
  const open = async () => {
    unpacking ??= begin();
    await unpacking;
    if (page) show();
  };

  const arrive = async () => {
    if (!location.hash.startsWith("#browse")) return;
    section.open = true;
    await open();
    section.scrollIntoView();
  };
  section.addEventListener("toggle", () => section.open && open());
  addEventListener("hashchange", arrive);
  arrive();
})();
