// @ts-check
// Why a written answer failed, in plain words: what happened, what to do, one button, and a second one where a page of the
// provider's helps. Pure but for the acts.
/** @import {ChatFailure, ChatMessage, Snapshot} from './types' */

/** @typedef {import('./main.js').App} App */
/** @typedef {{what: string, todo: string, button: string, act: (app: App, message: ChatMessage) => void, more: [string, (app: App) => void] | null, detail: string}} Wording */
/** @typedef {[string, string, string, Wording['act']]} Line */

const again = (/** @type {App} */ app, /** @type {ChatMessage} */ message) => app.send({ do: 'regenerate', message: message.id });
const goOn = (/** @type {App} */ app, /** @type {ChatMessage} */ message) => app.send({ do: 'continue', message: message.id });
const otherModel = (/** @type {App} */ app) => app.picker.open();
const checkGateway = (/** @type {App} */ app) => { app.openSettings('keys', 'gateway'); app.send({ do: 'test_key', holder: 'gateway' }); };
const keys = (/** @type {App} */ app, /** @type {ChatMessage} */ message) => app.openSettings('keys', holderOf(app.snapshot, message) ?? undefined);

/** Whose key the provider of an answer takes. @param {Snapshot} snapshot @param {ChatMessage} message */
export function holderOf({ providers }, { target }) {
  return providers.find((provider) => provider.id === target?.provider)?.holder ?? null;
}

/** The name of a provider. @param {Snapshot} snapshot @param {string | undefined} id */
export function providerName({ providers }, id) {
  if (id === 'practice') return 'The practice partner';
  return providers.find((provider) => provider.id === id)?.name ?? id ?? 'The provider';
}

/** @type {Record<ChatFailure['kind'], (name: string, model: string, hasText: boolean) => Line>} */
const TABLE = {
  credential: (name) => [`${name} did not accept the key, or there is none.`, 'It may be missing, revoked or mistyped. Your message is kept.', 'Open keys', keys],
  quota: (name) => [`This ${name} account has no credit left.`, 'Add credit there, or choose a model of another provider.', 'Choose a model', otherModel],
  rate_limited: (name) => [`${name} is limiting requests.`, 'Wait a moment, then ask again.', 'Ask again', again],
  model: (name, model) => [`${name} has no model ${model} for this key.`, 'Choose another one.', 'Choose a model', otherModel],
  address: (name, model) => [`There is nothing at the address of ${name}, or no model ${model}.`, 'Check its address in the settings, or choose another model.', 'Open settings', (app) => app.openSettings('text')],
  too_long: (_, model) => [`This conversation is longer than ${model} takes.`, 'Choose a model with more room, or begin a new chat.', 'Choose a model', otherModel],
  invalid: (name) => [`${name} could not read this request.`, 'Another model may take it.', 'Choose a model', otherModel],
  refused: (name) => [`${name} will not answer this.`, 'Edit your message, or choose another model.', 'Choose a model', otherModel],
  unavailable: (name) => [`${name} had a problem.`, 'All tries are used up. Your message is kept.', 'Ask again', again],
  timed_out: (name) => [`${name} did not answer in time.`, 'Your message is kept.', 'Ask again', again],
  unreachable: (name) => [`${name} cannot be reached.`, 'Check the network, then ask again. Your message is kept.', 'Ask again', again],
  broken: (name, _, hasText) => (hasText
    ? ['The connection broke off in mid-answer.', 'What came is kept.', 'Continue', goOn]
    : [`The answer of ${name} could not be read.`, 'Your message is kept.', 'Ask again', again]),
  gateway: () => ['The gateway refused the request.', 'Check its token, account id and gateway id.', 'Open gateway settings', (app) => app.openSettings('routing')],
  budget: () => ['A budget of yours is spent.', 'Raise it, or wait until it begins anew. Models on this computer cost nothing.', 'Open budget', (app) => app.openSettings('budget')],
  cancelled: (_, __, hasText) => ['You stopped this answer.', hasText ? 'What came is kept.' : 'Nothing came yet.', hasText ? 'Continue' : 'Ask again', hasText ? goOn : again],
};

/** The gateway does not know the token. */
const UNAUTHORIZED = '2009';

/** What else helps. @param {ChatFailure} failure @param {Snapshot} snapshot @param {string | undefined} id @returns {Wording['more']} */
function moreFor({ kind, code }, { providers }, id) {
  const { billing_url: billing, status_url: status } = providers.find((provider) => provider.id === id) ?? { billing_url: '', status_url: '' };
  if (kind === 'quota' && billing) return ['Add credit', (app) => app.openAddress(billing)];
  if (kind === 'unavailable' && status) return ['Status page', (app) => app.openAddress(status)];
  return kind === 'gateway' && code === UNAUTHORIZED ? ['Check the gateway', checkGateway] : null;
}

/** Whose words of the provider add nothing. @type {Set<ChatFailure['kind']>} */
const WHOLE = new Set(['cancelled', 'budget', 'timed_out']);

/** What happened, of a try that is not the last. @param {ChatFailure['kind']} kind @param {string} name of the provider */
export const happened = (kind, name) => TABLE[kind](name, 'this model', false)[0];

/** @param {ChatMessage} message @param {Snapshot} snapshot @returns {Wording | null} */
export function wordsFor(message, snapshot) {
  const { failure } = message;
  if (!failure) return null;
  const line = TABLE[failure.kind] ?? TABLE.unavailable;
  const [what, todo, button, act] = line(providerName(snapshot, message.target?.provider), message.target?.model || 'this model', message.text.trim() !== '');
  const facts = [failure.message.trim(), failure.code && `code ${failure.code}`, failure.status && `HTTP ${failure.status}`].filter(Boolean);
  return { what, todo, button, act, more: moreFor(failure, snapshot, message.target?.provider), detail: WHOLE.has(failure.kind) ? '' : facts.join(' · ') };
}
