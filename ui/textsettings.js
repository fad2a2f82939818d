// @ts-check
// Settings of text: who answers, what it may cost, what is kept, who else may ask.
/** @import {Settings} from './types' */
import { fill, h, say } from './dom.js';
import { jsonFault, webAddressFault } from './faults.js';
import { choice, number, select, text, toggle } from './fields.js';
import { latency } from './words.js';
import { shortName } from './catalogue.js';
import { providerName } from './failures.js';
import { priceTable } from './prices.js';
import { fallbackList } from './targets.js';
import { usesGateway, usesStoredKeys } from './terms.js';

/** @typedef {import('./main.js').App} App */
/** @typedef {import('./fields.js').Part} Part */

const POLICIES = {
  chain: 'The chosen model first, then the fallbacks in their order.',
  cheapest: 'The cheapest of the chosen model and the fallbacks.',
  fastest: 'The one whose first word came soonest lately.',
  most_reliable: 'The one that failed least lately.',
};
const WAYS = {
  direct: 'Straight to the provider, with your key.',
  gateway: 'Through Cloudflare AI Gateway, with your key.',
  stored_key: 'Through Cloudflare AI Gateway, with the key that is stored there.',
};
const isAuto = (/** @type {Settings} */ s) => s.chat.model === 'cloudflare/auto';

/** @param {App} app @returns {Part[]} */
export const textParts = (app) => [
  modelRow(app),
  fallbackList(app),
  toggle(app, { label: 'Others may stand in', about: 'While the list is empty: every provider that has a key, with its usual model. Never for a server of your own.', path: ['chat', 'stand_in'] }),
  select(app, { label: 'Who is asked', about: (s) => POLICIES[s.chat.policy], path: ['chat', 'policy'], options: [['chain', 'In order'], ['cheapest', 'Cheapest'], ['fastest', 'Fastest'], ['most_reliable', 'Most reliable']] }),
  select(app, { label: 'Way', about: (s) => WAYS[s.chat.way], path: ['chat', 'way'], options: [['direct', 'Direct'], ['gateway', 'Gateway'], ['stored_key', 'Gateway, its key']] }),
  text(app, { label: 'Instructions for new chats', about: 'What the model is told about itself and about you.', path: ['chat', 'system'], lines: 4, placeholder: 'Answer briefly and in British English.' }),
  select(app, { label: 'Reasoning', about: 'More thought, later and dearer answers.', path: ['chat', 'effort'], options: [['', 'As the model likes'], ['low', 'Low'], ['medium', 'Medium'], ['high', 'High']] }),
  number(app, { label: 'Temperature', about: (s) => (s.chat.temperature < 0 ? 'As the model likes.' : 'Low: the same words each time. High: surprising ones.'), path: ['chat', 'temperature'], least: 0, most: 2, step: 0.1, none: -1, placeholder: 'Its own' }),
  number(app, { label: 'Longest answer', about: 'Where an answer is cut short. Empty: the limit of the model.', path: ['chat', 'max_output'], least: 0, most: 1_000_000, step: 256, none: 0, unit: 'tokens', placeholder: 'Its own' }),
  toggle(app, { label: 'Titles and summaries by a model', about: 'A cheap model names new chats, and sums up the beginning of a long call for the voice that goes on with it. Else chats are called by their first words, and that voice hears of the newest turns only.', path: ['chat', 'titles'] }),
  text(app, { label: 'My own server for text', about: 'Any server that speaks OpenAI’s chat protocol: Ollama, LM Studio, llama.cpp, LocalAI. Those on their usual ports are found.', path: ['custom', 'base_url'], placeholder: 'http://localhost:11434/v1', isCode: true, fault: webAddressFault }),
  text(app, { label: 'Vertex AI project', about: 'Empty: the one of the service account.', path: ['vertex', 'project'], isCode: true }),
  text(app, { label: 'Vertex AI region', about: 'Where Vertex AI answers, us-central1 for example. Empty: global.', path: ['vertex', 'location'], placeholder: 'global', isCode: true }),
  toggle(app, { label: 'Voices may make pictures', about: 'They are offered it while there is a fal key.', path: ['tools', 'pictures'] }),
  text(app, { label: 'Model for pictures', about: 'Id of an app of fal that takes image_size, its name for shapes. One that ends in /realtime keeps a connection open and answers sooner.', path: ['providers', 'fal', 'app'], placeholder: 'fal-ai/flux/schnell', isCode: true }),
  select(app, { label: 'Way for pictures', about: (s) => WAYS[s.providers.fal.way], path: ['providers', 'fal', 'way'], options: [['direct', 'Direct'], ['gateway', 'Gateway'], ['stored_key', 'Gateway, its key']] }),
  number(app, { label: 'Price of a picture', about: 'Counts in the budgets. Empty: as listed, for models whose price is known.', path: ['providers', 'fal', 'price'], least: 0, most: 100, step: 0.001, none: -1, unit: '$', placeholder: 'As listed' }),
];

/** @param {App} app @returns {Part[]} */
export const budgetParts = (app) => [
  number(app, { label: 'A day', about: 'Nothing is asked that could pass it, and a call ends after the turn that does. Empty: no limit.', path: ['budget', 'day'], least: 0, most: 1e6, step: 0.5, none: 0, unit: '$', placeholder: 'No limit' }),
  number(app, { label: 'A month', about: 'From the first of the month.', path: ['budget', 'month'], least: 0, most: 1e6, step: 1, none: 0, unit: '$', placeholder: 'No limit' }),
  number(app, { label: 'One conversation', about: 'Each on its own.', path: ['budget', 'conversation'], least: 0, most: 1e6, step: 0.1, none: 0, unit: '$', placeholder: 'No limit' }),
  number(app, { label: 'Requests a minute', about: 'To each provider; what is over waits. Empty: by the hour only.', path: ['limits', 'requests_per_minute'], least: 0, most: 100_000, step: 1, none: 0, placeholder: 'No limit' }),
  number(app, { label: 'Requests an hour', about: 'Of the pane and of the local API, each; and to each provider without a limit a minute. Empty: no limit.', path: ['limits', 'requests_per_hour'], least: 0, most: 10_000_000, step: 100, none: 0, placeholder: 'No limit' }),
  number(app, { label: 'At once', about: 'As many go out before the limit begins to count.', path: ['limits', 'burst'], least: 1, most: 10_000, step: 1 }),
  number(app, { label: 'Tries', about: 'At one provider, before the next one is asked.', path: ['limits', 'attempts'], least: 1, most: 10, step: 1 }),
  number(app, { label: 'Longest wait', about: 'For the first word of an answer.', path: ['limits', 'timeout_s'], least: 5, most: 3600, step: 5, unit: 's' }),
  priceTable(app),
  healthTable(app),
];

/** @param {App} app @returns {Part[]} */
export const cacheParts = (app) => [
  toggle(app, { label: 'Give equal answers again', about: 'The same request costs once. An answer from the cache says so.', path: ['cache', 'is_on'] }),
  toggle(app, { label: 'After a restart too', about: 'Answers are kept on this computer.', path: ['cache', 'is_kept'], when: (s) => s.cache.is_on }),
  toggle(app, { label: 'With a temperature too', about: 'Answers that would be different each time.', path: ['cache', 'even_random'], when: (s) => s.cache.is_on }),
  number(app, { label: 'For how long', about: 'Then it is asked anew.', path: ['cache', 'ttl_s'], least: 60, most: 31_536_000, step: 3600, unit: 's', when: (s) => s.cache.is_on }),
  number(app, { label: 'Memory', about: 'Most that the cache takes.', path: ['cache', 'size_mb'], least: 1, most: 1024, step: 1, unit: 'MB', when: (s) => s.cache.is_on }),
  number(app, { label: 'Delete old conversations', about: 'Untouched for so many days; pinned ones stay. Empty: never.', path: ['history', 'keep_days'], least: 0, most: 36_500, step: 1, none: 0, unit: 'days', placeholder: 'Never' }),
];

/** What the gateway is told with each text request. @param {App} app @returns {Part[]} */
export const gatewayParts = (app) => [
  number(app, { label: 'Gateway: cache for', about: 'Its own cache keeps an answer so long, a minute at least. Empty: as set at the gateway.', path: ['gateway', 'requests', 'cache_ttl_s'], least: 60, most: 2_592_000, step: 60, none: 0, unit: 's', placeholder: 'Its own', when: usesGateway }),
  toggle(app, { label: 'Gateway: no cache', about: 'Its cache is passed by.', path: ['gateway', 'requests', 'skip_cache'], when: usesGateway }),
  text(app, { label: 'Gateway: name of the cache entry', about: 'Equal names share an answer. Empty: by the request itself.', path: ['gateway', 'requests', 'cache_key'], isCode: true, when: usesGateway }),
  toggle(app, { label: 'Gateway: no log', about: 'It writes nothing down of your requests.', path: ['gateway', 'requests', 'skip_log'], when: usesGateway }),
  toggle(app, { label: 'Gateway: no words in its log', about: 'It keeps numbers only, nothing of what was said.', path: ['gateway', 'requests', 'skip_payload'], when: (s) => usesGateway(s) && !s.gateway.requests.skip_log }),
  text(app, { label: 'Gateway: which stored key', about: 'Its alias, where several are stored for a provider. Empty: the default one.', path: ['gateway', 'requests', 'key_alias'], isCode: true, when: usesStoredKeys }),
  toggle(app, { label: 'Gateway: no Cloudflare credits', about: 'A request without a key is refused rather than paid with credits.', path: ['gateway', 'requests', 'no_wholesale'], when: usesGateway }),
  toggle(app, { label: 'Gateway: retain nothing', about: 'What is paid with Cloudflare credits goes only where nothing is retained.', path: ['gateway', 'requests', 'zero_retention'], when: usesGateway }),
  number(app, { label: 'Gateway: longest wait', about: 'For a provider, before it tries again.', path: ['gateway', 'requests', 'timeout_ms'], least: 0, most: 600_000, step: 1000, none: 0, unit: 'ms', placeholder: 'Its own', when: usesGateway }),
  number(app, { label: 'Gateway: tries', about: 'One to five.', path: ['gateway', 'requests', 'attempts'], least: 0, most: 5, step: 1, none: 0, placeholder: 'Its own', when: usesGateway }),
  number(app, { label: 'Gateway: between tries', about: 'The first wait.', path: ['gateway', 'requests', 'retry_delay_ms'], least: 0, most: 60_000, step: 100, none: 0, unit: 'ms', placeholder: 'Its own', when: usesGateway }),
  select(app, { label: 'Gateway: waits grow', about: 'From try to try.', path: ['gateway', 'requests', 'backoff'], options: [['', 'Its own'], ['constant', 'Not at all'], ['linear', 'Evenly'], ['exponential', 'Doubling']], when: usesGateway }),
  toggle(app, { label: 'Gateway: falls back by itself', about: 'It gets the chosen model and the fallbacks at once, and asks the next when one fails.', path: ['gateway', 'requests', 'fallback'], when: usesGateway }),
  toggle(app, { label: 'Gateway: one connection', about: 'Requests share a WebSocket that stays open. Fallbacks of its own go over HTTP.', path: ['gateway', 'requests', 'websocket'], when: usesGateway }),
  text(app, { label: 'Gateway: auto router chooses among', about: 'Models, with commas. Empty: all.', path: ['gateway', 'requests', 'auto_models'], placeholder: 'openai/gpt-6-luna, xai/grok-4.3', isCode: true, when: isAuto }),
  text(app, { label: 'Gateway: auto router asks', about: 'Providers, with commas. Empty: all.', path: ['gateway', 'requests', 'auto_providers'], placeholder: 'openai, anthropic', isCode: true, when: isAuto }),
  toggle(app, { label: 'Gateway: auto router chooses anew', about: 'For each question, rather than once for a conversation.', path: ['gateway', 'requests', 'auto_anew'], when: isAuto }),
  text(app, { label: 'Gateway: marks for its log', about: 'Up to five, as a JSON object.', path: ['gateway', 'requests', 'metadata'], placeholder: '{"team": "kitchen"}', isCode: true, fault: jsonFault, when: usesGateway }),
];

/** @param {App} app @returns {Part[]} */
export function localParts(app) {
  const state = h('dl', { class: 'facts' });
  return [
    { element: h('p', { class: 'group-note' }, 'Other programs on this computer can ask through Sidetone: with your keys, limits, budget and cache, and without ever seeing a key. They need the token.'), draw() {} },
    toggle(app, { label: 'Let other programs ask', about: 'On 127.0.0.1 only.', path: ['local_api', 'enabled'] }),
    number(app, { label: 'Port', about: 'Takes effect at once.', path: ['local_api', 'port'], least: 1024, most: 65_535, step: 1 }),
    {
      element: state,
      draw() {
        const { url, token_file, failure } = app.snapshot.local_api;
        const facts = [['Address', url ?? 'Not running'], ['Token file', token_file], ['Trouble', failure]].filter(([, value]) => value);
        fill(state, ...facts.map(([name, value]) => h('div', {}, h('dt', {}, name), h('dd', {}, value))));
      },
    },
  ];
}

/** @param {App} app @returns {Part} */
function modelRow(app) {
  const button = h('button', { type: 'button', class: 'button', 'aria-haspopup': 'dialog', onclick: () => app.picker.open() });
  const about = h('p', { class: 'about' });
  return {
    element: h('div', { class: 'row', 'data-setting': 'chat.model' }, h('div', { class: 'row-words' }, h('span', { class: 'label' }, 'Model for text'), about), h('div', { class: 'row-control' }, button)),
    draw() {
      const { provider, model } = app.snapshot.settings.chat;
      const isPractice = provider === 'practice' || !model;
      say(button, isPractice ? 'Choose a model' : shortName(model));
      say(about, isPractice ? 'The practice partner answers until you choose one: no key, no network, no cost.' : `${providerName(app.snapshot, provider)} answers what you write outside of a call.`);
    },
  };
}

/** How providers did lately. @param {App} app @returns {Part} */
function healthTable(app) {
  const body = h('tbody');
  const element = h('div', { class: 'row wide' }, h('div', { class: 'row-words' }, h('span', { class: 'label' }, 'How providers did lately'), h('p', { class: 'about' }, 'Time to the first word: half of the answers, 95 of 100, 99 of 100.')),
    h('div', { class: 'table-frame' }, h('table', { class: 'health' }, h('thead', {}, h('tr', {}, ...['Provider', '50 %', '95 %', '99 %', 'State'].map((name) => h('th', { scope: 'col' }, name)))), body)));
  const ms = (/** @type {number | null} */ value) => (value === null ? '–' : latency(value));
  return {
    element,
    draw() {
      const known = app.snapshot.providers.filter((provider) => provider.health);
      element.hidden = known.length === 0;
      fill(body, ...known.map(({ name, health }) => h('tr', {}, h('th', { scope: 'row' }, name), ...[health?.p50_ms, health?.p95_ms, health?.p99_ms].map((value) => h('td', {}, ms(value ?? null))),
        h('td', { title: health?.last_failure ?? '' }, health?.is_paused ? 'Resting after failures' : health?.last_failure ? 'Failed lately' : 'Good'))));
    },
  };
}
