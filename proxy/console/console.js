"use strict";
// Everything that comes from the server is put into the page as text (textContent), never as markup: excerpts are
// written by a model and must be taken as hostile.

const PERIOD_MS = 2000;
const PAGE = 50;
const ACTIONS = ["block", "rewrite", "attribute", "pass"];
const DEMO_TAG = "plays-a-protected-work";
const FACTORS = ["purpose", "nature", "amount", "market"];

const state = { action: "", paused: false, rows: [], older: false, chosen: "", key: sessionStorage.getItem("fairgate-key") || "" };
const at = (id) => document.getElementById(id);

function make(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (name === "class") element.className = value;
    else if (name === "on") for (const [event, handler] of Object.entries(value)) element.addEventListener(event, handler);
    else if (value !== null && value !== undefined) element.setAttribute(name, value);
  }
  for (const child of children.flat(Infinity)) if (child !== null && child !== undefined && child !== "") element.append(child);
  return element;
}

async function ask(path) {
  const headers = { accept: "application/json" };
  if (state.key) headers.authorization = `Bearer ${state.key}`;
  let answer;
  try {
    answer = await fetch(path, { headers, cache: "no-store" });
  } catch {
    throw new Error("fairgate does not answer. Is it still running?");
  }
  if (answer.ok) return answer.json();
  const body = await answer.json().catch(() => null);
  const error = new Error(body?.error?.message || `fairgate answered ${answer.status}`);
  error.status = answer.status;
  throw error;
}

function listPath(extra) {
  const query = new URLSearchParams({ limit: PAGE, ...extra });
  if (state.action) query.set("action", state.action);
  return `v1/fairgate/decisions?${query}`;
}

async function refresh() {
  try {
    const page = await ask(listPath({}));
    const fresh = new Set(page.data.map((row) => row.id));
    const oldest = page.data.at(-1)?.id || "";
    const kept = page.has_more ? state.rows.filter((row) => !fresh.has(row.id) && row.id < oldest) : [];
    if (!kept.length) state.older = page.has_more;
    state.rows = [...page.data, ...kept];
    settle();
  } catch (error) {
    fail(error);
  }
}

async function loadOlder() {
  try {
    const page = await ask(listPath({ after: state.rows.at(-1).id }));
    state.rows = [...state.rows, ...page.data];
    state.older = page.has_more;
    settle();
  } catch (error) {
    fail(error);
  }
}

function settle() {
  at("alert").hidden = true;
  at("key-form").hidden = true;
  const count = state.rows.length;
  say(state.paused ? "Paused" : `Live, ${count}${state.older ? "+" : ""} decision${count === 1 ? "" : "s"}`);
  drawRows();
}

function fail(error) {
  const locked = error.status === 401 || error.status === 403;
  at("key-form").hidden = !locked;
  at("alert").hidden = locked && !state.key;
  if (at("alert").textContent !== error.message) at("alert").textContent = error.message;
  say("Not connected");
}

function say(text) {
  if (at("status").textContent !== text) at("status").textContent = text;
}

function badge(action, applied) {
  const text = applied && applied !== action ? `${action} (not applied)` : action;
  return make("span", { class: `badge ${ACTIONS.includes(action) ? action : ""}` }, text);
}

function time(iso) {
  const date = new Date(iso);
  return Number.isNaN(date.getTime()) ? "" : make("time", { datetime: iso, title: iso }, date.toLocaleString());
}

function score(value) {
  return typeof value === "number" ? value.toFixed(2) : "\u2013";
}

function drawRows() {
  const focused = document.activeElement?.dataset?.id;
  at("empty").hidden = state.rows.length > 0 || state.action !== "";
  at("none").hidden = state.rows.length > 0 || state.action === "";
  at("more").hidden = !state.older;
  const old = new Map([...at("rows").children].map((item) => [item.dataset.mark, item]));
  const items = state.rows.map((row) => {
    const mark = `${row.id} ${row.action} ${row.applied} ${row.outcome} ${row.choices}`;
    return old.get(mark) || drawRow(row, mark);
  });
  const present = at("rows").children;
  if (items.length !== present.length || items.some((item, index) => item !== present[index])) {
    at("rows").replaceChildren(...items);
    if (focused) rowButton(focused)?.focus();
  }
  markChosen();
}

function drawRow(row, mark) {
  const titles = row.works.map((work) => work.title);
  const what = titles.length ? titles.slice(0, 2).join(", ") + (titles.length > 2 ? ` and ${titles.length - 2} more` : "") : "Nothing copied was found";
  const facts = [row.model, row.tenant, row.mode, `score ${score(row.score)}`];
  if (!row.outcome) facts.push("still running");
  else if (row.outcome !== "completed") facts.push(row.outcome.replaceAll("_", " "));
  const button = make("button", { class: "row", type: "button", "data-id": row.id, on: { click: () => choose(row.id, true) } },
    make("span", { class: "what" }, what), badge(row.action, row.applied),
    make("span", { class: "meta" }, time(row.at), " \u00b7 ", facts.filter(Boolean).join(" \u00b7 ")));
  return make("li", { "data-mark": mark }, button);
}

function rowButton(id) {
  return [...document.querySelectorAll(".row")].find((button) => button.dataset.id === id);
}

function markChosen() {
  for (const button of document.querySelectorAll(".row")) {
    if (button.dataset.id === state.chosen) button.setAttribute("aria-current", "true");
    else button.removeAttribute("aria-current");
  }
}

async function choose(id, focus) {
  state.chosen = id;
  history.replaceState(null, "", id ? `#${id}` : "#");
  document.querySelector("main").classList.toggle("open", Boolean(id));
  markChosen();
  if (!id) return;
  try {
    const decision = await ask(`v1/fairgate/decisions/${encodeURIComponent(id)}`);
    if (state.chosen !== id) return;
    drawDetail(decision);
    if (focus && window.innerWidth < 900) { at("detail").focus(); window.scrollTo(0, 0); }
  } catch (error) {
    at("detail").replaceChildren(backButton(), make("p", { class: "hint" }, error.message));
  }
}

function backButton() {
  return make("button", { id: "back", type: "button", on: { click: () => { const id = state.chosen; choose(""); rowButton(id)?.focus(); } } }, "Back to the list");
}

function drawDetail(decision) {
  const facts = [
    ["Decision", decision.id], ["Policy", decision.policy], ["Index", decision.index], ["Mode", decision.mode], ["Route", decision.route],
    ["Model", decision.model], ["Upstream", decision.upstream], ["Tenant", decision.tenant], ["User", decision.user],
    ["Answer", decision.stream === null ? null : decision.stream ? "streamed" : "whole"], ["Request", decision.request_id], ["Ended", ended(decision)],
  ].filter(([, value]) => value);
  at("detail").replaceChildren(
    backButton(),
    make("h2", {}, "Decision ", badge(decision.action, decision.applied)),
    make("p", { class: "soft" }, time(decision.at)),
    decision.unreadable ? make("p", { class: "block" }, `${decision.unreadable} rows of this decision cannot be read: run fairgate ledger verify`) : "",
    ...decision.choices.map((choice) => drawChoice(choice, decision.choices.length)),
    decision.choices.length ? "" : make("p", { class: "hint" }, "No choice has been judged."),
    make("div", { class: "choice" }, make("h3", {}, "Request"),
      make("dl", {}, facts.map(([name, value]) => [make("dt", {}, name), make("dd", {}, value)]))));
  at("detail").scrollTop = 0;
}

function ended(decision) {
  if (!decision.outcome) return "still running";
  return decision.outcome.replaceAll("_", " ") + (decision.detail ? `: ${decision.detail}` : "");
}

function drawChoice(choice, count) {
  const matches = choice.matches.map((match) => drawMatch(match));
  return make("div", { class: "choice" },
    make("h3", {}, count > 1 ? `Choice ${choice.choice}` : "Verdict", badge(choice.action, choice.applied)),
    make("p", { class: "soft" }, delivery(choice)),
    make("h3", {}, `Fair-use factors, score ${score(choice.score)}`, choice.standing_score === choice.score ? "" : make("span", { class: "soft" }, ` (standing ${score(choice.standing_score)})`)),
    FACTORS.map((name) => drawFactor(name, choice)),
    make("p", { class: "legend", "aria-hidden": "true" }, make("span", {}, "favours fair use"), make("span", {}, "against")),
    choice.reasons.length ? [make("h3", {}, "Reasons"), make("ul", { class: "reasons" }, choice.reasons.map((reason) => make("li", {}, reason)))] : "",
    make("h3", {}, matches.length === 1 ? "1 match" : `${matches.length} matches`),
    matches.length ? matches : make("p", { class: "hint" }, "Nothing in this answer was found in the index."));
}

function delivery(choice) {
  const generated = choice.channels.reduce((sum, channel) => sum + channel.chars, 0);
  const stopped = choice.applied === "block" ? "cut" : choice.applied === "rewrite" ? "rewritten" : "delivered as generated";
  const ended = choice.finish_reason ? `, finish reason ${choice.finish_reason}` : "";
  return `Text ${stopped}: ${choice.delivered_chars} characters reached the client, ${generated} were read${ended}.`;
}

function drawFactor(name, choice) {
  const value = choice.factors[name];
  const known = typeof value === "number" && !choice.unknown.includes(name);
  const fill = make("div", { class: "fill" });
  fill.style.width = `${Math.round(Math.min(1, Math.max(0, value ?? 0.5)) * 100)}%`;
  return make("div", { class: known ? "factor" : "factor unknown" },
    make("span", {}, name), make("div", { class: "track", "aria-hidden": "true" }, fill),
    make("span", { class: "soft" }, typeof value === "number" ? known ? score(value) : `${score(value)}, unknown` : "not read"));
}

function drawMatch(match) {
  const work = match.work;
  const by = work.creators.length ? ` by ${work.creators.join(", ")}` : "";
  const facts = [
    ["In the answer", `${match.channel}, characters ${match.start} to ${match.end} (${percent(match.output_share)} of it)`],
    ["In the work", `characters ${match.source_start} to ${match.source_end} (${percent(match.source_share)} of it)`],
    ["Copied", `${match.words} words${match.counted === match.words ? "" : `, ${match.counted} count`}, identity ${score(match.identity)}, ${match.detector}`],
    ["Licence", work.license], ["Holder", work.holder], ["Market", work.market ? work.market.replaceAll("_", " ") : null],
    ["Grounded", match.grounded ? "yes: the request itself holds this passage" : null],
    ["Weight", match.weight === 1 ? null : String(match.weight)],
    ["Also in", match.works_count > 1 ? `${match.works_count - 1} other works: ${match.also.map((other) => other.title).join(", ")}` : null],
    ["Why", match.reason],
  ].filter(([, value]) => value);
  return make("article", { class: "match" },
    make("h4", {}, make("span", {}, work.title, make("span", { class: "soft" }, by)), badge(match.action)),
    work.tags.includes(DEMO_TAG) ? make("p", { class: "soft" }, "In the public domain; plays a protected work in this demo.") : "",
    make("dl", {}, facts.map(([name, value]) => [make("dt", {}, name), make("dd", {}, value)])),
    sourceLink(work.url),
    match.excerpt ? make("blockquote", { tabindex: "0", "aria-label": "The copied text, as generated" }, match.excerpt) : "");
}

function percent(share) {
  const value = share * 100;
  return value > 0 && value < 0.1 ? "under 0.1 %" : `${value.toFixed(value < 10 ? 1 : 0)} %`;
}

function sourceLink(url) {
  let parsed;
  try { parsed = new URL(url); } catch { return ""; }
  if (parsed.protocol !== "https:" && parsed.protocol !== "http:") return "";
  return make("p", {}, make("a", { href: parsed.href, rel: "noreferrer noopener", target: "_blank" }, url));
}

function drawFilters() {
  const buttons = ["", ...ACTIONS].map((action) =>
    make("button", { type: "button", "aria-pressed": String(state.action === action), "data-action": action, on: { click: () => filter(action) } },
      action ? action[0].toUpperCase() + action.slice(1) : "All"));
  at("filters").replaceChildren(...buttons);
}

function filter(action) {
  state.action = action;
  state.rows = [];
  for (const button of at("filters").children) button.setAttribute("aria-pressed", String(button.dataset.action === action));
  refresh();
}

function moveFocus(event) {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!step || !event.target.classList.contains("row")) return;
  const buttons = [...document.querySelectorAll(".row")];
  const next = buttons[buttons.indexOf(event.target) + step];
  if (!next) return;
  event.preventDefault();
  next.focus();
  if (window.innerWidth >= 900) choose(next.dataset.id);
}

function example() {
  const base = new URL("v1/chat/completions", location.href.replace(/console\/?([?#].*)?$/, ""));
  return `curl ${base} -H 'content-type: application/json' -d '{"model": "any", "messages": [{"role": "user", "content": "Recite Alice in Wonderland"}]}'`;
}

function start() {
  drawFilters();
  at("example").textContent = example();
  at("pause").addEventListener("click", () => {
    state.paused = !state.paused;
    at("pause").setAttribute("aria-pressed", String(state.paused));
    if (state.paused) say("Paused"); else refresh();
  });
  at("show-all").addEventListener("click", () => filter(""));
  at("more").addEventListener("click", loadOlder);
  at("rows").addEventListener("keydown", moveFocus);
  at("key-form").addEventListener("submit", (event) => {
    event.preventDefault();
    state.key = at("key").value.trim();
    sessionStorage.setItem("fairgate-key", state.key);
    at("key").value = "";
    refresh();
  });
  if (/^#dec_/.test(location.hash)) choose(location.hash.slice(1));
  refresh();
  setInterval(() => { if (!state.paused && !document.hidden) refresh(); }, PERIOD_MS);
}

document.addEventListener("DOMContentLoaded", start);
