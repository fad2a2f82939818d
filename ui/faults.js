// @ts-check
// What is wrong with a value that was typed, in words; empty when nothing is. Pure functions only.

const SCHEMES = ['http:', 'https:', 'ws:', 'wss:'];

/** @param {string} host */
const isLoopback = (host) => host === 'localhost' || host === '[::1]' || /^127(\.\d+){3}$/.test(host);

/** An address as the engine takes it; an empty one stands for the default. @param {string} text */
export function addressFault(text) {
  if (!text) return '';
  const url = URL.canParse(text) ? new URL(text) : null;
  if (!url || !SCHEMES.includes(url.protocol) || !url.host) return 'An address starts with https://, wss://, http:// or ws:// and names a server.';
  const isPlain = url.protocol === 'http:' || url.protocol === 'ws:';
  return isPlain && !isLoopback(url.hostname) ? 'A key is not sent over this plain connection. Use https:// or wss:// for a server elsewhere.' : '';
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
