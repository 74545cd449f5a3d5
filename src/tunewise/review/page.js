"use strict";
// One row at a time: shows it, sends each rating at once, goes on only when the server has it.
const at = (id) => document.getElementById(id);
const TWO = [["left", "Left is better", "1"], ["right", "Right is better", "2"], ["tie", "Equally good", "3"], ["neither", "Both bad", "4"]];
const ONE = [["accept", "Accept", "1"], ["reject", "Reject", "2"]];
let items = [], place = 0, busy = false, ratings = [];

function show() {
  const item = items[place];
  at("text").textContent = item.text;
  const box = at("answers");
  box.replaceChildren();
  box.className = item.answers.length > 1 ? "two" : "";
  item.answers.forEach((answer, n) => {
    const part = document.createElement("article"), head = document.createElement("h2"), words = document.createElement("pre");
    head.textContent = item.answers.length > 1 ? ["Left", "Right"][n] : "Answer";
    words.textContent = answer === "" ? "(nothing)" : answer;
    words.dir = "auto";
    part.append(head, words);
    if (item.rating === ["left", "right"][n] && item.answers.length > 1) part.classList.add("chosen");
    box.append(part);
  });
  for (const button of at("tools").querySelectorAll("[data-rating]")) button.setAttribute("aria-pressed", String(button.dataset.rating === item.rating));
  const done = items.filter((one) => one.rating).length;
  at("progress").textContent = "Row " + (place + 1) + " of " + items.length + ", " + done + " rated";
  window.scrollTo(0, 0);
}

function go(step) {
  place = Math.min(items.length - 1, Math.max(0, place + step));
  show();
}

async function rate(word) {
  if (busy) return;
  busy = true;
  at("told").textContent = "";
  const item = items[place];
  try {
    const reply = await fetch("rating", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ row: item.id, rating: word }) });
    if (!reply.ok) throw new Error(await reply.text());
    item.rating = word;
    const next = items.findIndex((one, n) => n > place && !one.rating);
    const any = items.findIndex((one) => !one.rating);
    if (next >= 0) place = next; else if (any >= 0) place = any; else at("told").textContent = "All rows are rated. You can close this window.";
    show();
  } catch (error) {
    at("told").textContent = "Not kept: " + error.message;
  } finally {
    busy = false;
  }
}

function tool(words, key, act, rating) {
  const button = document.createElement("button"), hint = document.createElement("kbd");
  button.type = "button";
  button.textContent = words;
  hint.textContent = key;
  button.append(hint);
  if (rating) button.dataset.rating = rating;
  button.addEventListener("click", act);
  at("tools").append(button);
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || !items.length) return;
  const found = ratings.find((one) => one[2] === event.key);
  if (found) rate(found[0]);
  else if (event.key === "ArrowLeft") go(-1);
  else if (event.key === "ArrowRight") go(1);
});

async function begin() {
  const sheet = await (await fetch("sheet")).json();
  items = sheet.items;
  at("task").textContent = sheet.task + (sheet.instruction ? ": " + sheet.instruction : "");
  ratings = items[0].answers.length > 1 ? TWO : ONE;
  for (const one of ratings) tool(one[1], one[2], () => rate(one[0]), one[0]);
  tool("Back", "←", () => go(-1));
  tool("Skip", "→", () => go(1));
  place = Math.max(0, items.findIndex((one) => !one.rating));
  show();
}
begin();
