// @ts-check
// Whose keys there are, in words. Pure.
/** @import {Holder} from './types' */

/** @typedef {import('./ipc.js').PageLink} PageLink */

/** @type {Record<Holder, {title: string, about: string, placeholder: string, link: [PageLink, string] | null}>} */
export const HOLDERS = {
  openai: { title: 'OpenAI', about: 'Used for direct calls, and through the gateway unless the gateway holds a key of its own.', placeholder: 'sk-…', link: ['openai_keys', 'Get a key'] },
  gateway: { title: 'Cloudflare AI Gateway', about: 'Only for gateways that ask for a token.', placeholder: 'Gateway token', link: ['cloudflare_gateway', 'Get a token'] },
  anthropic: { title: 'Anthropic', about: 'For what you write to Claude.', placeholder: 'sk-ant-…', link: null },
  google: { title: 'Google AI Studio', about: 'For what you write to Gemini.', placeholder: 'AIza…', link: null },
  vertex: { title: 'Google Vertex AI', about: 'The JSON of a service account, all of it.', placeholder: '{"type": "service_account", …}', link: null },
  openrouter: { title: 'OpenRouter', about: 'One key for many models.', placeholder: 'sk-or-…', link: null },
  mistral: { title: 'Mistral', about: 'For what you write to Mistral’s models.', placeholder: 'Key', link: null },
  groq: { title: 'Groq', about: 'Open models, answered fast.', placeholder: 'gsk_…', link: null },
  deepseek: { title: 'DeepSeek', about: 'For what you write to DeepSeek.', placeholder: 'sk-…', link: null },
  xai: { title: 'xAI', about: 'For what you write to Grok.', placeholder: 'xai-…', link: null },
  perplexity: { title: 'Perplexity', about: 'Answers with sources from the web.', placeholder: 'pplx-…', link: null },
  cerebras: { title: 'Cerebras', about: 'Open models, answered fast.', placeholder: 'csk-…', link: null },
  huggingface: { title: 'Hugging Face', about: 'Open models at many hosts.', placeholder: 'hf_…', link: null },
  deepgram: { title: 'Deepgram', about: 'Ears and voices, and Deepgram’s own agent.', placeholder: 'API key', link: null },
  elevenlabs: { title: 'ElevenLabs', about: 'Ears, voices, and agents.', placeholder: 'sk_…', link: null },
  cartesia: { title: 'Cartesia', about: 'Ears and voices.', placeholder: 'sk_car_…', link: null },
  fal: { title: 'fal', about: 'Pictures.', placeholder: 'key id:secret', link: null },
  workers_ai: { title: 'Cloudflare Workers AI', about: 'Open models at Cloudflare; needs the account id too.', placeholder: 'API token', link: null },
  custom: { title: 'My own server for text', about: 'Only if your server asks for one.', placeholder: 'Key of your server', link: null },
  endpoint: { title: 'My own server', about: 'Only if your server asks for one. Your OpenAI key is never sent there.', placeholder: 'Key of your server', link: null },
};

/** Whose key, in words. @param {Holder} holder */
export const keyTitle = (holder) => HOLDERS[holder].title;
