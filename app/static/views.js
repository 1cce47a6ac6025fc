// The views beside the paper, each at an address of its own, as /#service. Each is fetched when it is first wanted.

import { element } from "./dom.js";

const TITLES = { service: "Service", sees: "How it sees" };

let shown = null; // {name, module}
let last = null; // the name of the view that was left

/** The view that the address names; null where that is the paper. */
export function named() {
  const name = location.hash.slice(1);
  return Object.hasOwn(TITLES, name) ? name : null;
}

/**
 * Show what the address names. A view's module builds it, and is told when it is seen and when no more; `page` is what
 * it may know of the paper, and is told by `unreachable` where the module cannot be fetched.
 */
export async function follow(page) {
  const wanted = named();
  const module = wanted && (await import(`./${wanted}.js`).catch(page.unreachable));
  if (wanted && !module) return;
  await module?.build();
  if (named() !== wanted || (shown?.name ?? null) === wanted) return;
  const { activeElement } = document;
  const isLost = activeElement === document.body || Boolean(shown && element(shown.name).contains(activeElement));
  if (shown) leave();
  if (wanted) enter({ name: wanted, module }, page);
  else if (isLost && last) element(`to-${last}`).focus();
}

function enter(view, page) {
  shown = view;
  const { name, module } = view;
  document.body.dataset.view = name;
  element(name).hidden = false;
  document.title = `${TITLES[name]} · digitserve`;
  element(`to-${name}`).setAttribute("aria-current", "page");
  scrollTo(0, 0);
  element(`${name}-title`).focus();
  module.seen(true, page);
}

function leave() {
  const { name, module } = shown;
  [last, shown] = [name, null];
  delete document.body.dataset.view;
  element(name).hidden = true;
  document.title = "digitserve";
  element(`to-${name}`).removeAttribute("aria-current");
  module.seen(false);
}
