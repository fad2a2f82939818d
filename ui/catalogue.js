// @ts-check
// Which models can be chosen, in which order, for what was typed. Pure.
/** @import {ChatProvider, ModelChoice, Target} from './types' */

/** Most rows that are drawn; typing on narrows them down. */
export const MOST_ROWS = 200;

/** @typedef {{provider: ChatProvider, model: ModelChoice}} Choice */

/** Every word must be somewhere in the name of the model or of its provider. @param {string} query */
const wordsOf = (query) => query.toLowerCase().split(/\s+/).filter(Boolean);

/** How well a model fits; below 0 it does not. @param {Choice} choice @param {string[]} words */
function rank({ provider, model }, words) {
  const id = model.model.toLowerCase();
  const all = `${provider.name} ${provider.id} ${id} ${model.takes_images ? 'pictures images vision' : ''}`.toLowerCase();
  let points = 0;
  for (const word of words) {
    if (!all.includes(word)) return -1;
    points += id === word ? 8 : id.startsWith(word) ? 4 : new RegExp(`[^a-z0-9]${word.replace(/[^a-z0-9]/g, '\\$&')}`).test(id) ? 2 : 0;
  }
  return points;
}

/**
 * Models of providers that are ready, best first while something is looked for; else by provider, the chosen one first.
 * @param {ModelChoice[]} models @param {ChatProvider[]} providers @param {string} query @param {Target} chosen
 * @returns {{rows: Choice[], more: number}}
 */
export function choices(models, providers, query, chosen) {
  const words = wordsOf(query);
  const known = new Map(providers.map((provider) => [provider.id, provider]));
  const place = new Map(providers.map((provider, at) => [provider.id, at]));
  const isChosen = (/** @type {ModelChoice} */ { provider, model }) => provider === chosen.provider && model === chosen.model;
  const fitting = models.flatMap((model) => {
    const provider = known.get(model.provider);
    if (!provider || (!provider.is_ready && !isChosen(model))) return [];
    const points = rank({ provider, model }, words);
    return points < 0 ? [] : [{ provider, model, points: points + (words.length === 0 && isChosen(model) ? 100 : 0) }];
  });
  fitting.sort((a, b) => b.points - a.points
    || (place.get(a.provider.id) ?? 0) - (place.get(b.provider.id) ?? 0)
    || a.model.model.localeCompare(b.model.model, 'en', { numeric: true }));
  return { rows: fitting.slice(0, MOST_ROWS).map(({ provider, model }) => ({ provider, model })), more: Math.max(0, fitting.length - MOST_ROWS) };
}

/** Providers whose models cannot be chosen for want of a key. @param {ChatProvider[]} providers @param {string} query */
export function keyless(providers, query) {
  const words = wordsOf(query);
  return providers.filter((provider) => provider.holder !== null && !provider.is_ready && words.every((word) => provider.name.toLowerCase().includes(word)));
}

/** What is known of the chosen model. @param {ModelChoice[]} models @param {Target} target */
export const chosenModel = (models, target) => models.find((one) => one.provider === target.provider && one.model === target.model) ?? null;

/** A model's name without the folders some providers put before it. @param {string} model */
export const shortName = (model) => model.slice(model.lastIndexOf('/') + 1) || model;
