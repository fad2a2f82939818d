// @ts-check
// What is wrong with a value that was typed, in words; empty when nothing is. Pure functions only.

const ANY = ['https://', 'wss://', 'http://', 'ws://'];
const WEB = ['https://', 'http://'];

/** @param {string} host */
const isLoopback = (host) => host === 'localhost' || host === '[::1]' || /^127(\.\d+){3}$/.test(host);

/** An address as the engine takes it; an empty one stands for the default. @param {string} text @param {string[]} schemes how it may start */
export function addressFault(text, schemes = ANY) {
  if (!text) return '';
  const url = URL.canParse(text) ? new URL(text) : null;
  if (!url || !schemes.includes(`${url.protocol}//`) || !url.host) return `An address starts with ${listed(schemes)} and names a server.`;
  const isPlain = url.protocol === 'http:' || url.protocol === 'ws:';
  const secure = schemes.filter((scheme) => scheme.endsWith('s://'));
  return isPlain && !isLoopback(url.hostname) ? `A key is not sent over this plain connection. Use ${listed(secure)} for a server elsewhere.` : '';
}

/** @param {string[]} names */
const listed = (names) => names.join(', ').replace(/, ([^,]*)$/, ' or $1');

/** An address of a server of text: requests go there over HTTP. @param {string} text */
export const webAddressFault = (text) => (/^\s*wss?:/i.test(text) ? 'Text goes over https:// or http://, not over a WebSocket.' : addressFault(text, WEB));

/** An address of a provider of text, which gets the provider's key. @param {string} text */
export function providerAddressFault(text) {
  const fault = webAddressFault(text);
  if (fault || !text) return fault;
  const { username, password, search, hash } = new URL(text);
  if (username || password) return 'An address holds no name and no password. Keys have their own place, under Keys.';
  return search || hash ? 'Leave out what stands behind ? or #.' : '';
}

/** Dollars for a million tokens; NaN: it is no number. @param {string} text */
const rateOf = (text) => (/^(\d+\.?\d*|\.\d+)$/.test(text.trim()) ? Number(text) : NaN);

/** No model costs as much: somebody meant cents, or a single token. */
const DEAREST = 10_000;

/**
 * What is wrong with a price of one's own, and where; null: nothing is.
 * @param {import('./prices.js').Draft} draft @param {{provider: string, model: string}[]} taken models that have a price already
 * @returns {{field: keyof import('./prices.js').Draft, words: string} | null}
 */
export function priceFault(draft, taken) {
  const model = draft.model.trim();
  if (!draft.provider) return { field: 'provider', words: 'Choose whose model it is.' };
  if (!model) return { field: 'model', words: 'Name the model as the provider spells it.' };
  if (taken.some((price) => price.provider === draft.provider && price.model === model)) return { field: 'model', words: 'This model is in the table already. Change its price there.' };
  for (const field of /** @type {const} */ (['input', 'cached', 'output'])) {
    const text = draft[field];
    if (!text.trim() && [draft.input, draft.output].some((one) => one.trim())) continue;
    const rate = rateOf(text);
    if (Number.isNaN(rate)) return { field, words: text.includes(',') ? 'Write the price with a point: 0.25.' : 'A price is a number of dollars, such as 0.25 or 3. Nothing costs 0.' };
    if (rate > DEAREST) return { field, words: 'This is more than any model costs. Dollars for a million tokens are meant.' };
  }
  return null;
}

/** @param {string} text */
export const accountFault = (text) => (!text || /^[0-9a-f]{32}$/i.test(text) ? '' : 'An account id is 32 hex digits (0–9, a–f).');

/** Marks for the gateway's log: a flat object of at most five. @param {string} text */
export function jsonFault(text) {
  if (!text.trim()) return '';
  try {
    const marks = JSON.parse(text);
    const isFlat = marks !== null && typeof marks === 'object' && !Array.isArray(marks) && Object.values(marks).every((value) => ['string', 'number', 'boolean'].includes(typeof value));
    if (!isFlat) return 'This must be a JSON object of texts, numbers, true and false.';
    return Object.keys(marks).length > 5 ? 'The gateway takes five marks at most.' : '';
  } catch {
    return 'This is not JSON yet: {"name": "value"}.';
  }
}
